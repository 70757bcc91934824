/* SPDX-License-Identifier: MIT */
/*
 * The file: one page with the header, then the ring `up`, then the ring
 * `down`. A ring is mapped twice in a row (base/mirror.h), so a message that
 * crosses the end is contiguous for both sides.
 *
 * Each word has one writer: head is stored with release after the message is
 * whole, tail after it is used up. What comes from the other side is checked
 * before it is used: a process whose mailbox is spoilt ends, loudly.
 */
#include "mailbox/mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/mirror.h"

enum {
    MAIL_BLANK = 0, /* no type of message.h */
    START_OVER_BYTES = 65536
};

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static int fail(char *error, const char *what)
{
    snprintf(error, STENTOR_ERROR_BYTES, "mailbox: %s: %s", what,
             strerror(errno));
    return STENTOR_ESYSTEM;
}

static struct mailbox_header *map_header(int fd)
{
    void *header =
        mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return header == MAP_FAILED ? NULL : header;
}

int mailbox_create(int fd, size_t ring_bytes, char *error)
{
    size_t page = page_bytes();
    CHECK(sizeof(struct mailbox_header) <= page);
    CHECK(ring_bytes > 0);
    ring_bytes = (ring_bytes + page - 1) / page * page;
    if (ring_bytes > UINT32_MAX) { /* struct mail could not say its sizes */
        snprintf(error, STENTOR_ERROR_BYTES, "mailbox: more than 4 GB");
        return STENTOR_ETOOBIG;
    }
    if (ftruncate(fd, (off_t)(page + 2 * ring_bytes)) != 0)
        return fail(error, "cannot size it");
    struct mailbox_header *header = map_header(fd);
    if (header == NULL)
        return fail(error, "cannot map it");
    header->magic = MAILBOX_MAGIC;
    header->version = MAILBOX_VERSION;
    header->ring_bytes = ring_bytes;
    munmap(header, page);
    return 0;
}

static int check_header(const struct mailbox_header *header, int fd,
                        char *error)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return fail(error, "cannot stat it");
    if (header->magic != MAILBOX_MAGIC || header->version != MAILBOX_VERSION) {
        snprintf(error, STENTOR_ERROR_BYTES, "mailbox: not of this version");
        return STENTOR_EVERSION;
    }
    size_t page = page_bytes();
    uint64_t room = ((uint64_t)file.st_size - page) / 2;
    if (header->ring_bytes == 0 || header->ring_bytes % page != 0 ||
        header->ring_bytes != room) {
        snprintf(error, STENTOR_ERROR_BYTES, "mailbox: its sizes do not fit");
        return STENTOR_EINVALID;
    }
    return 0;
}

static bool open_ring(struct mail_ring *ring, struct mail_words *words, int fd,
                      size_t offset, size_t ring_bytes)
{
    /* Both sides open it before either uses it, or before their own first
       use; so each begins at the beginning. */
    ring->position = 0;
    ring->ordinal = 0;
    ring->blank = 0;
    ring->words = words;
    ring->ring_bytes = ring_bytes;
    ring->bytes = mirror_map(fd, (off_t)offset, ring_bytes, true);
    return ring->bytes != NULL;
}

int mailbox_open(struct mailbox *mailbox, int fd, char *error)
{
    size_t page = page_bytes();
    struct stat file;
    memset(mailbox, 0, sizeof *mailbox);
    /* A page beyond the end of the file can be mapped but not read. */
    if (fstat(fd, &file) != 0 || (uint64_t)file.st_size < 3 * page) {
        snprintf(error, STENTOR_ERROR_BYTES, "mailbox: it is too short");
        return STENTOR_EINVALID;
    }
    mailbox->header = map_header(fd);
    if (mailbox->header == NULL)
        return fail(error, "cannot map it");
    int code = check_header(mailbox->header, fd, error);
    size_t ring_bytes = mailbox->header->ring_bytes;
    if (code == 0 &&
        (!open_ring(&mailbox->up, &mailbox->header->up, fd, page, ring_bytes) ||
         !open_ring(&mailbox->down, &mailbox->header->down, fd,
                    page + ring_bytes, ring_bytes)))
        code = fail(error, "cannot map its rings");
    if (code != 0)
        mailbox_close(mailbox);
    return code;
}

void mailbox_close(struct mailbox *mailbox)
{
    if (mailbox->up.bytes != NULL)
        mirror_unmap(mailbox->up.bytes, mailbox->up.ring_bytes);
    if (mailbox->down.bytes != NULL)
        mirror_unmap(mailbox->down.bytes, mailbox->down.ring_bytes);
    if (mailbox->header != NULL)
        munmap(mailbox->header, page_bytes());
    memset(mailbox, 0, sizeof *mailbox);
}

/* Bytes of a message in the ring, header and padding included. */
static uint64_t whole_size(size_t bytes)
{
    return sizeof(struct mail) + (((uint64_t)bytes + 7) & ~(uint64_t)7);
}

static struct mail *mail_at(const struct mail_ring *ring)
{
    char *place = ring->bytes + ring->position % ring->ring_bytes;
    return (struct mail *)(void *)place;
}

/* --- the sender's side --- */

static uint64_t room_left(const struct mail_ring *ring)
{
    uint64_t tail = __atomic_load_n(&ring->words->tail, __ATOMIC_ACQUIRE);
    uint64_t used = ring->position - tail;
    CHECK(used <= ring->ring_bytes);
    return ring->ring_bytes - used;
}

/*
 * An empty ring starts over at its beginning, so that a mailbox which is read
 * at once uses the same few pages for ever: what the ring could hold is paid
 * for only when it has to. Returns the bytes to pass over, 0 for none.
 */
static uint64_t way_to_start(const struct mail_ring *ring, uint64_t size)
{
    uint64_t offset = ring->position % ring->ring_bytes;
    bool empty =
        __atomic_load_n(&ring->words->tail, __ATOMIC_ACQUIRE) == ring->position;
    uint64_t blank = ring->ring_bytes - offset;
    if (!empty || offset < START_OVER_BYTES || size > offset ||
        blank < sizeof(struct mail))
        return 0;
    return blank;
}

void *mail_reserve(struct mail_ring *ring, size_t bytes)
{
    CHECK(bytes <= ring->ring_bytes / 4);
    uint64_t size = whole_size(bytes);
    if (size > room_left(ring))
        return NULL;
    ring->blank = way_to_start(ring, size);
    char *place =
        ring->bytes + (ring->position + ring->blank) % ring->ring_bytes;
    return place + sizeof(struct mail);
}

/* What is passed over is a message of no type; it goes out together with the
   one behind it. */
static void put_blank(struct mail_ring *ring)
{
    struct mail *mail = mail_at(ring);
    *mail = (struct mail){ .size = (uint32_t)ring->blank, .type = MAIL_BLANK };
    ring->position += ring->blank;
    ring->blank = 0;
}

uint64_t mail_send(struct mail_ring *ring, uint32_t type, size_t bytes)
{
    CHECK(bytes <= ring->ring_bytes / 4 && type != MAIL_BLANK);
    uint64_t size = whole_size(bytes);
    CHECK(size + ring->blank <= room_left(ring));
    if (ring->blank > 0)
        put_blank(ring);
    struct mail *mail = mail_at(ring);
    mail->size = (uint32_t)size;
    mail->type = type;
    mail->ordinal = ++ring->ordinal;
    ring->position += size;
    FAULT_POINT("mail: written");
    __atomic_store_n(&ring->words->head, ring->position, __ATOMIC_RELEASE);
    FAULT_POINT("mail: sent");
    return ring->ordinal;
}

/* --- the receiver's side --- */

void mail_look_back(const struct mail_ring *sent, struct mail_ring *view)
{
    *view = *sent;
    view->position = __atomic_load_n(&sent->words->tail, __ATOMIC_ACQUIRE);
    if (view->position == sent->position)
        return;
    const struct mail *mail = mail_at(view);
    if (mail->type == MAIL_BLANK) {
        view->position += mail->size;
        mail = mail_at(view);
    }
    view->ordinal = mail->ordinal - 1;
}

const struct mail *mail_next(struct mail_ring *ring)
{
    uint64_t head = __atomic_load_n(&ring->words->head, __ATOMIC_ACQUIRE);
    uint64_t waiting = head - ring->position;
    if (waiting == 0)
        return NULL;
    CHECK(waiting <= ring->ring_bytes && waiting >= sizeof(struct mail));
    const struct mail *mail = mail_at(ring);
    CHECK(mail->size >= sizeof *mail && mail->size % 8 == 0);
    if (mail->type == MAIL_BLANK) {
        CHECK(mail->size < waiting); /* there is one behind it */
        waiting -= mail->size;
        ring->position += mail->size;
        mail = mail_at(ring);
    }
    CHECK(mail->size <= waiting && mail->ordinal == ring->ordinal + 1);
    ring->position += mail->size;
    ring->ordinal = mail->ordinal;
    return mail;
}

void mail_release(struct mail_ring *ring)
{
    FAULT_POINT("mail: used up");
    __atomic_store_n(&ring->words->tail, ring->position, __ATOMIC_RELEASE);
    FAULT_POINT("mail: given back");
}

bool mail_waits(const struct mail_ring *ring)
{
    return __atomic_load_n(&ring->words->head, __ATOMIC_ACQUIRE) !=
           ring->position;
}
