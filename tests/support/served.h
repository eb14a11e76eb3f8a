/* A real `stated` for tests in C: in a private directory, on a unix socket, gone with the test. */
#ifndef STATED_TESTS_SERVED_H
#define STATED_TESTS_SERVED_H

#include "stated/client.h"

#include <sys/types.h>

struct served {
    char directory[64];
    char url[96];
    pid_t pid; /* 0: not running */
};

/* Starts it and waits until it answers; aborts the test program when it does not. */
void served_start(struct served *self);

/* Kills it without warning, and waits for its end. */
void served_kill(struct served *self);

/* Starts it again, with what it had. */
void served_restart(struct served *self);

/* Kills it and removes its directory. */
void served_stop(struct served *self);

/* A client of it with the default options; aborts when there is none. */
struct stated_client *served_client(const struct served *self);

#endif
