/* The outcome of a call: status codes, and what a server says beside them. */
#ifndef STATED_STATUS_H
#define STATED_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* gRPC's codes, gRPC's numbers (source: grpc/doc/statuscodes.md). The one table of codes. */
#define STATED_CODES(X)                                                                            \
    X(OK, 0)                                                                                       \
    X(CANCELLED, 1)                                                                                \
    X(UNKNOWN, 2)                                                                                  \
    X(INVALID_ARGUMENT, 3)                                                                         \
    X(DEADLINE_EXCEEDED, 4)                                                                        \
    X(NOT_FOUND, 5)                                                                                \
    X(ALREADY_EXISTS, 6)                                                                           \
    X(PERMISSION_DENIED, 7)                                                                        \
    X(RESOURCE_EXHAUSTED, 8)                                                                       \
    X(FAILED_PRECONDITION, 9)                                                                      \
    X(ABORTED, 10)                                                                                 \
    X(OUT_OF_RANGE, 11)                                                                            \
    X(UNIMPLEMENTED, 12)                                                                           \
    X(INTERNAL, 13)                                                                                \
    X(UNAVAILABLE, 14)                                                                             \
    X(DATA_LOSS, 15)                                                                               \
    X(UNAUTHENTICATED, 16)

enum stated_code {
#define STATED_CODE_MEMBER(name, number) STATED_##name = number,
    STATED_CODES(STATED_CODE_MEMBER)
#undef STATED_CODE_MEMBER
};

/* STATED_API stands before what a library of stated shows: all else is compiled hidden. */
#if defined(__GNUC__)
#define STATED_API __attribute__((visibility("default")))
#define STATED_MUST_USE __attribute__((warn_unused_result))
#define STATED_PRINTF(format_place, first_place)                                                   \
    __attribute__((__format__(__printf__, format_place, first_place)))
#else
#define STATED_API
#define STATED_MUST_USE
#define STATED_PRINTF(format_place, first_place)
#endif

/* Bytes of a status message with its NUL; a longer one is cut at a character's border. */
#define STATED_MESSAGE_BYTES 256

/* Where a call stood in the one order of all requests of a server. Tickets compare within one
 * epoch. */
struct stated_order {
    uint64_t epoch;        /* changes when the server restarts */
    uint64_t ticket;       /* 0: the call took none */
    uint32_t queued_ahead; /* requests waiting or running when this one was admitted */
    uint32_t wait_us;      /* admission to grant */
    uint32_t hold_us;      /* grant to finish */
    bool replayed;         /* the stored answer of an earlier, identical sequence */
};

/* A call's outcome. Plain data, owned by whoever declares it; message is always NUL-terminated. */
struct stated_status {
    enum stated_code code;
    uint32_t retry_after_ms; /* not before this; 0 = no advice */
    struct stated_order order;
    char message[STATED_MESSAGE_BYTES]; /* for people; "" when OK */
};

/* The name of a code, as in the .proto without its prefix: "INVALID_ARGUMENT". Never NULL; a number
   that is no code gives "CODE_UNRECOGNISED". Any thread; static storage. */
STATED_API const char *stated_code_name(enum stated_code code);

/* Sets code and message (printf style) and clears the rest; returns code, so that a function can
   `return stated_status_set(status, STATED_..., ...)`. A NULL status is allowed. Any thread. */
STATED_API enum stated_code stated_status_set(struct stated_status *status, enum stated_code code,
                                              const char *format, ...) STATED_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
