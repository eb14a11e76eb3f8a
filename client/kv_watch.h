/* What a watch is made of. kv_watch.c is its course, kv_watch_events.c what it tells. */
#ifndef STATED_CLIENT_KV_WATCH_H
#define STATED_CLIENT_KV_WATCH_H

#include "alarm.h"
#include "guests.h"
#include "kv_arena.h"
#include "kv_range.h"

#include "stated/kv.h"
#include "stated/v1/state.pb-c.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum watch_state {
    WATCH_POLLING, /* a call is on its way, or about to be */
    WATCH_TELLING, /* its callback runs */
    WATCH_PAUSING, /* the alarm is set */
    WATCH_ENDED,
};

struct stated_kv_watch {
    struct guest guest;           /* of the client */
    struct stated_client *client; /* NULL once it is closed */
    ProtobufCAllocator memory;    /* the client's, which it outlives */
    struct stated_cancel *cancel; /* of its calls; NULL once the client is closed */
    struct kv_selector selector;
    stated_kv_watch_events on_events;
    stated_kv_watch_end on_end; /* NULL = not wanted */
    void *argument;

    /* Of whoever polls or tells. */
    uint32_t limit; /* events of an answer; 0 = the server's */
    unsigned failures;
    struct kv_arena arena; /* of the events that are being told */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t told;  /* not telling any more */
    enum watch_state state;
    bool stopped;
    bool stopped_by_teller;
    bool closing; /* the client is; the alarm is not set any more */
    pthread_t teller;
    struct alarm alarm;
    uint64_t next_revision; /* read without the lock by whoever polls or tells, the only writer */

    uint8_t range[]; /* the bytes of the range */
};

/* Tells the events of an answer, if it has any. Else nothing has been told, and *status says why:
   RESOURCE_EXHAUSTED, no memory; INTERNAL, they make no sense; UNIMPLEMENTED, one is of a kind that
   this version does not know. */
enum stated_code kv_watch_tell_events(struct stated_kv_watch *self,
                                      const Stated__V1__WatchResponse *response,
                                      struct stated_status *status) STATED_MUST_USE;

#endif
