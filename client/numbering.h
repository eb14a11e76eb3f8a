/* The numbers of a client's writes: who it is, which sequence comes next, and below which it has
   all replies. (Source: contract.md, RequestFrame; the server's bounds are in storage.md.)

   Pure: no thread, clock or memory; the id is an argument. */
#ifndef STATED_CLIENT_NUMBERING_H
#define STATED_CLIENT_NUMBERING_H

#include "stated/status.h"

#include <stdbool.h>
#include <stdint.h>

#define NUMBERING_ID_BYTES 16

/* Sequences from the lowest unsettled one to the next. A server remembers at least 1,024 answers of
   a client, and forgets the lowest first: with fewer than that between them, it never forgets one
   that may be asked for again. */
#define NUMBERING_WINDOW 1000

struct numbering {
    uint8_t id[NUMBERING_ID_BYTES];
    uint64_t next;
    uint64_t floor;                                 /* all below are settled: acked_below */
    uint64_t settled[(NUMBERING_WINDOW + 63) / 64]; /* bit of a sequence modulo the window */
};

/* id: NUMBERING_ID_BYTES random bytes, which nobody else has. */
void numbering_init(struct numbering *self, const uint8_t *id);

/* Takes the next sequence; false when the window is full: settle the floor's first. */
bool numbering_take(struct numbering *self, uint64_t *sequence) STATED_MUST_USE;

/* Nobody will ask for this sequence again, once for each that was taken. */
void numbering_settle(struct numbering *self, uint64_t sequence);

#endif
