/* How an exchange of one frame for another ended. */
#ifndef STATED_CLIENT_OUTCOME_H
#define STATED_CLIENT_OUTCOME_H

#include <nng/nng.h>
#include <stdbool.h>

struct outcome {
    int error;      /* 0 or NNG's: NNG_ETIMEDOUT, NNG_ECONNRESET, NNG_ECLOSED, ... */
    bool sent;      /* whether the request may have reached the server */
    nng_msg *reply; /* with error 0; whoever gets the outcome frees it */
};

#endif
