/* The exchange's place taken by something simple, to test the transport alone: a frame's first byte
   says how it is answered. A program that uses this links no rpc/exchange.c. */
#ifndef STATED_TESTS_ECHO_EXCHANGE_H
#define STATED_TESTS_ECHO_EXCHANGE_H

#include "rpc/exchange.h"

#include <stddef.h>

/* First bytes of a frame. The reply is the frame itself, unless it says otherwise. */
#define ECHO_AT_ONCE 'e'   /* before exchange_begin returns */
#define ECHO_BY_WORKER 'w' /* from another thread, soon */
#define ECHO_WHEN_TOLD 'h' /* from the thread that calls echo_answer_held */
#define ECHO_MANY 'm'      /* the same, a frame of ECHO_MANY_CALLS calls to the party */
#define ECHO_PARKED 'p'    /* the same, set aside until then */
#define ECHO_LARGE 'l'     /* at once, ECHO_LARGE_BYTES long */

#define ECHO_LARGE_BYTES ((size_t)512 << 10)
#define ECHO_MANY_CALLS 100u

/* The reply to a frame that is over its connection's share. */
#define ECHO_REFUSED "r"

/* Starts and ends the worker; between them frames may come. */
void echo_start(void);
void echo_stop(void);

/* Frames that are held now. */
size_t echo_held(void);

/* Waits until n frames are held; fails after half a minute, and echo_wait_held when more are. */
void echo_wait_held(size_t n);
void echo_wait_at_least(size_t n);

/* Answers every frame that is held, and says how many. */
size_t echo_answer_held(void);

#endif
