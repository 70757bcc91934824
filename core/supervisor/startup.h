/* SPDX-License-Identifier: MIT */
/* From nothing to serving, and the single starts that this is made of. */
#ifndef STENTOR_SUPERVISOR_STARTUP_H
#define STENTOR_SUPERVISOR_STARTUP_H

struct child;
struct supervisor;

/* One line for the person who starts us. */
void startup_complain(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Starts the process of a child; what fails is said, and tried again. */
void startup_child(struct supervisor *supervisor, struct child *child);

/* Starts a worker and gives it its objects. */
void startup_worker(struct supervisor *supervisor, struct child *worker);

/* The first brain's plan has come: makes all it asks for, starts the workers. */
void startup_carry_out(struct supervisor *supervisor);

/* A worker or the embedded Kafka has said that it is ready; after the last one
   the brain is put in charge. */
void startup_count_ready(struct supervisor *supervisor);

/* The brain has said that it is ready: we serve. */
void startup_serve(struct supervisor *supervisor);

/* Prints what the brain says is wrong with the config. */
void startup_say_wrong(const char *text);

#endif
