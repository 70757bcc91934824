/* SPDX-License-Identifier: MIT */
/*
 * A ring of a mailbox beside a plain queue: whatever is sent comes out once, in
 * order, unharmed; and after the receiver's death the sender sees all that was
 * not given back. The input is a row of steps.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "fuzz/input.h"
#include "mailbox/mailbox.h"

enum { RING_BYTES = 16384, SENT_MAX = 1024, LARGEST = RING_BYTES / 4 - 32 };

static int file = -1;

/* The queue: message i has ordinal i + 1, and was sent with sizes[i] bytes. */
struct queue {
    struct mailbox sender, receiver;
    uint16_t sizes[SENT_MAX];
    uint32_t sent, got, given_back;
};

static void open_both(struct queue *queue)
{
    char error[STENTOR_ERROR_BYTES];
    if (file < 0)
        file = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(file >= 0 && ftruncate(file, 0) == 0);
    CHECK(mailbox_create(file, RING_BYTES, error) == 0);
    CHECK(mailbox_open(&queue->sender, file, error) == 0);
    CHECK(mailbox_open(&queue->receiver, file, error) == 0);
}

static void send(struct queue *queue, uint32_t size, bool whole)
{
    char *room = mail_reserve(&queue->sender.up, size);
    if (room == NULL) {
        CHECK(queue->given_back < queue->sent);
        return;
    }
    CHECK((uintptr_t)room % 8 == 0);
    memset(room, (int)(queue->sent & 0xff), size);
    if (!whole) /* it thought better of it */
        return;
    queue->sizes[queue->sent++] = (uint16_t)size;
    CHECK(mail_send(&queue->sender.up, 1 + size, size) == queue->sent);
}

static void must_be(const struct queue *queue, const struct mail *mail,
                    uint32_t number)
{
    uint32_t size = queue->sizes[number];
    CHECK(mail->ordinal == number + 1 && mail->type == 1 + size);
    CHECK(mail->size >= sizeof *mail + size && mail->size % 8 == 0);
    const char *bytes = (const char *)(mail + 1);
    for (uint32_t i = 0; i < size; i++)
        CHECK((uint8_t)bytes[i] == (number & 0xff));
}

static void receive(struct queue *queue)
{
    bool waits = mail_waits(&queue->receiver.up);
    const struct mail *mail = mail_next(&queue->receiver.up);
    CHECK(waits == (mail != NULL) && waits == (queue->got < queue->sent));
    if (mail != NULL)
        must_be(queue, mail, queue->got++);
}

static void look_back(const struct queue *queue)
{
    struct mail_ring view;
    const struct mail *mail;
    uint32_t number = queue->given_back;
    mail_look_back(&queue->sender.up, &view);
    while ((mail = mail_next(&view)) != NULL)
        must_be(queue, mail, number++);
    CHECK(number == queue->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = { bytes, size };
    struct queue queue = { 0 };
    open_both(&queue);
    while (input.size > 0 && queue.sent < SENT_MAX) {
        uint8_t step = input_byte(&input);
        uint32_t length = input_short(&input) % LARGEST;
        if (step < 110) {
            send(&queue, step < 50 ? length % 64 : length, step != 0);
        } else if (step < 200) {
            receive(&queue);
        } else if (step < 240) {
            mail_release(&queue.receiver.up);
            queue.given_back = queue.got;
        } else {
            look_back(&queue);
        }
    }
    look_back(&queue);
    mailbox_close(&queue.sender);
    mailbox_close(&queue.receiver);
    return 0;
}
