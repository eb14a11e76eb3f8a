/* The SP wire format of the REQ/REP protocol, as a client sees it: greeting, requests, replies.

   Source: contract.md, "Wire"; the SP TCP mapping. Pure: no thread, memory or socket. */
#ifndef STATED_CLIENT_FRAMING_H
#define STATED_CLIENT_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_GREETING_BYTES 8

/* What a REQ peer says first. */
extern const uint8_t framing_greeting[FRAMING_GREETING_BYTES];

/* Whether data is what a REP peer says first. */
bool framing_is_reply_greeting(const uint8_t data[FRAMING_GREETING_BYTES]);

/* The bit that every id has. */
#define FRAMING_ID_BIT UINT32_C(0x80000000)

#define FRAMING_MAX_HEADER_BYTES 13

/* Bytes that come before a request's body. marked: the endpoint is ipc, where a byte of 1 comes
   before each message. */
size_t framing_header_bytes(bool marked);

/* Writes them. */
void framing_put_header(uint8_t *out, bool marked, uint32_t id, size_t body_bytes);

/* A reply in the bytes it was parsed from. */
struct framing_reply {
    uint32_t id;
    const uint8_t *body;
    uint64_t body_bytes;
    size_t bytes; /* of the whole message; while INCOMPLETE, as many as are known to be needed */
};

enum framing_result {
    FRAMING_COMPLETE,
    FRAMING_INCOMPLETE, /* more bytes are needed */
    FRAMING_TOO_LARGE,  /* more than max_body_bytes; id and body_bytes are set */
    FRAMING_BROKEN,     /* not a reply */
};

/* Parses the reply that data starts with. Says TOO_LARGE and BROKEN as early as the bytes show. */
enum framing_result framing_parse_reply(const uint8_t *data, size_t length, bool marked,
                                        uint64_t max_body_bytes, struct framing_reply *reply);

#endif
