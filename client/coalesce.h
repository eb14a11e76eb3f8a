/* Which of the calls that wait share the next frame: as many as fit, in the order of their issue,
   without ever waiting for more.

   Pure: no thread, clock, memory or socket. */
#ifndef STATED_CLIENT_COALESCE_H
#define STATED_CLIENT_COALESCE_H

#include "stated/access.h"
#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coalesce_rules {
    bool enabled;        /* false: every frame holds one call */
    uint32_t max_calls;  /* of a frame */
    size_t max_bytes;    /* of a frame that holds several calls */
    uint32_t max_frames; /* on their way at a time, those of parked calls apart */
};

/* A frame that is being put together. */
struct coalesce_frame {
    uint32_t n_calls;
    size_t bytes;
    bool full; /* takes no call any more */
};

/* Whether a frame may set out now whose first call has this access mode, while `frames` others, not
   counting those of parked calls, are on their way. */
bool coalesce_may_start(const struct coalesce_rules *rules, uint32_t frames,
                        enum stated_access access) STATED_MUST_USE;

/* Adds a call of so many encoded bytes to the frame; false when it has to go into another one. The
   first call always fits. alone: it is to share with nobody. */
bool coalesce_add(const struct coalesce_rules *rules, struct coalesce_frame *frame, size_t bytes,
                  enum stated_access access, bool alone) STATED_MUST_USE;

#endif
