/* A transport over the echo exchange, in a private directory, and plain clients for it. */
#ifndef STATED_TESTS_TRANSPORT_FIXTURE_H
#define STATED_TESTS_TRANSPORT_FIXTURE_H

#include "net/transport.h"
#include "raw_peer.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fixture {
    char directory[64];
    char ipc[96]; /* URLs */
    const char *tcp;
    struct transport *transport;
    atomic_uint parties_gone;
};

/* Small limits, short times; a test changes what it is about. */
struct transport_options fixture_options(struct fixture *self);

/* Listens on ipc and on a free loopback tcp port, and starts. */
void fixture_start(struct fixture *self, const struct transport_options *options);

/* Ends in the order the header of the transport asks for, and removes the directory. */
void fixture_stop(struct fixture *self);

/* Opens the directory and the paths alone; fixture_remove takes them away. */
void fixture_make_directory(struct fixture *self);
void fixture_remove_directory(struct fixture *self);

/* As transport_read_figures. */
struct transport_figures fixture_figures(struct fixture *self);

/* Waits until the condition over `figures` holds; fails when it does not in FIXTURE_WAIT_MS. */
#define FIXTURE_WAIT(self, condition)                                                              \
    do {                                                                                           \
        uint64_t fixture_until_ns = fixture_deadline_ns();                                         \
        struct transport_figures figures = fixture_figures(self);                                  \
        while (!(condition)) {                                                                     \
            fixture_pause(fixture_until_ns, #condition);                                           \
            figures = fixture_figures(self);                                                       \
        }                                                                                          \
    } while (0)

/* FIXTURE_WAIT_MS from now. */
uint64_t fixture_deadline_ns(void);

/* Lets others run for a moment; fails when the time is past until_ns. */
void fixture_pause(uint64_t until_ns, const char *waiting_for);

/* One request and its reply over a REQ socket of its own; NULL when none came in wait_ms. */
nng_msg *fixture_ask(const char *url, const char *body, int wait_ms);

/* Asks and checks that the reply is the request. */
void fixture_assert_echo(const char *url, const char *body);

#endif
