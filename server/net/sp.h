/* The SP wire format of the REQ/REP protocol, as a server sees it: greeting, requests, replies.

   Source: contract.md, "Wire"; the SP TCP mapping. Pure: no thread, memory or socket. */
#ifndef STATED_NET_SP_H
#define STATED_NET_SP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SP_GREETING_BYTES 8

/* What a REP peer says first. */
extern const uint8_t sp_greeting[SP_GREETING_BYTES];

/* Whether data is what a REQ peer says first. */
bool sp_is_request_greeting(const uint8_t data[SP_GREETING_BYTES]);

/* Words of a request's path: its id, and one more for every device that it came through. */
#define SP_MAX_PATH_WORDS 8
#define SP_MAX_PATH_BYTES (4 * SP_MAX_PATH_WORDS)
/* Mark, length and path: all that stands before a body. */
#define SP_MAX_HEADER_BYTES (1 + 8 + SP_MAX_PATH_BYTES)

/* A request in the bytes it was parsed from. */
struct sp_request {
    const uint8_t *path; /* a reply starts with it */
    size_t path_bytes;
    const uint8_t *body;
    size_t body_bytes;
    size_t bytes; /* of the whole request; while INCOMPLETE, as many as are known to be needed */
};

enum sp_result {
    SP_COMPLETE,
    SP_INCOMPLETE, /* more bytes are needed; request->bytes says how many at least */
    SP_TOO_LARGE,  /* it announces more than max_body_bytes */
    SP_BROKEN,     /* not a request */
};

/* Parses the request that data starts with. marked: the endpoint is ipc, where a byte of 1 comes
   before each message. Says TOO_LARGE and BROKEN as early as the bytes show it. */
enum sp_result sp_parse_request(const uint8_t *data, size_t length, bool marked,
                                size_t max_body_bytes, struct sp_request *request);

/* Bytes that come before a reply's body, and those bytes into `out`; returns their end. */
size_t sp_reply_header_size(bool marked, size_t path_bytes);
uint8_t *sp_put_reply_header(uint8_t *out, bool marked, const uint8_t *path, size_t path_bytes,
                             size_t body_bytes);

#endif
