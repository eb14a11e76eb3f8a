/* How an exchange of one frame for another ended. */
#ifndef STATED_CLIENT_OUTCOME_H
#define STATED_CLIENT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outcome {
    int error; /* 0 or NNG's: NNG_ETIMEDOUT, NNG_ECONNRESET, NNG_ECLOSED, NNG_EMSGSIZE, NNG_ENOMEM
                */
    bool sent; /* whether the request may have reached the server */
    const uint8_t *reply; /* with error 0: the reply frame, valid while the outcome is told */
    uint64_t reply_bytes; /* with NNG_EMSGSIZE: as many as the server announced */
};

#endif
