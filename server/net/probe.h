/* A self-check of one endpoint: a connection of our own, greeted as NNG's clients do, has to lead
   to an accepted connection. NNG 1.5 can lose a listener while the system still completes
   connections for it, so nothing short of this tells. Never blocks. */
#ifndef STATED_NET_PROBE_H
#define STATED_NET_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum probe_verdict {
    PROBE_UNDECIDED,
    PROBE_ALIVE,
    PROBE_DEAF,
    PROBE_IMPOSSIBLE, /* no descriptor to try with: says nothing about the endpoint */
};

/* One try at a time; not synchronised. */
struct probe {
    int fd; /* -1: no try is under way */
    bool connected;
    bool greeted;
    uint64_t accepted_before;
    uint64_t deadline_ns;
};

void probe_init(struct probe *self);

/* Starts a try. accepted: how many connections the endpoint has accepted so far; any one more
   proves it alive. Not while a try is under way. */
void probe_begin(struct probe *self, uint64_t accepted, uint64_t deadline_ns);

/* Goes on with the try; call it when the descriptor is writable, a connection was accepted, or
   deadline_ns has come. Any verdict but PROBE_UNDECIDED ends the try. */
enum probe_verdict probe_step(struct probe *self, const struct sockaddr_storage *address,
                              socklen_t address_bytes, uint64_t accepted, uint64_t now_ns);

/* The descriptor whose writability should be waited for; -1: none. */
int probe_wants_to_write(const struct probe *self);

/* Ends a try, if one is under way. */
void probe_deinit(struct probe *self);

#endif
