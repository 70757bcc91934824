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

/* Starts a brain, which is to load the config. */
void startup_brain(struct supervisor *supervisor);

/* Starts a worker and gives it its objects. */
void startup_worker(struct supervisor *supervisor, struct child *worker);

/* The first brain's plan has come: makes all it asks for, starts the workers. */
void startup_carry_out(struct supervisor *supervisor);

/* A worker or the embedded Kafka has said that it is ready; after the last one
   we serve. */
void startup_count_ready(struct supervisor *supervisor);

/* Gives the brain all shared memory. */
void startup_give_objects(struct supervisor *supervisor);

/* From here on the brain publishes. */
void startup_put_in_charge(struct supervisor *supervisor);

#endif
