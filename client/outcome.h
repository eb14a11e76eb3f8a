/* How a call ended, as far as its way to the server and back is concerned. */
#ifndef STATED_CLIENT_OUTCOME_H
#define STATED_CLIENT_OUTCOME_H

#include "reply_frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outcome {
    int error;         /* 0 or NNG's: NNG_ETIMEDOUT, NNG_ECONNRESET, NNG_ECLOSED, NNG_ECANCELED,
                          NNG_EMSGSIZE, NNG_ENOMEM, NNG_EPROTO */
    bool sent;         /* whether the request may have reached the server unanswered */
    bool uncertain;    /* with error 0: an earlier try may have been executed all the same */
    const char *fault; /* with NNG_EPROTO: what came instead of a reply; static */
    struct reply_view reply; /* with error 0; valid while the outcome is told */
    uint64_t reply_bytes;    /* with NNG_EMSGSIZE: as many as the server announced */
    const char *endpoint;    /* where it was sent last; lives as long as the channel. NULL: never */
    uint32_t tries;
    uint64_t sequence;
};

#endif
