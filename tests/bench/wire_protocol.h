/* The protocols that wire_load speaks, as bytes: calls in, counted answers out.

   All of them ask the same: read or write a key of 14 bytes, "bench/" and eight digits. Templates
   are made once; a call costs a copy and eight digits, whatever the protocol. */
#ifndef STATED_BENCH_WIRE_PROTOCOL_H
#define STATED_BENCH_WIRE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_PREFIX_BYTES = 6, WIRE_KEY_DIGITS = 8 };

struct wire_call {
    bool read;
    uint32_t key;
};

/* One call as bytes, with a place for the key's digits. */
struct wire_template {
    uint8_t *bytes;
    size_t size;
    size_t digits_at;
};

struct wire_speaker {
    const struct wire_protocol *protocol;
    size_t value_bytes;
    unsigned calls_per_message; /* of stated; the others have one call a message */
    bool committed;             /* stated: reads take no ticket */
    struct wire_template read;
    struct wire_template write;
};

struct wire_protocol {
    const char *name;
    /* Makes the templates of a speaker. */
    void (*prepare)(struct wire_speaker *speaker);
    /* Writes n calls to out, which has wire_room bytes for them; the end of what was written. */
    uint8_t *(*put)(const struct wire_speaker *speaker, const struct wire_call *calls, unsigned n,
                    uint8_t *out);
    /* Takes one message off the data; its bytes, 0 when it is not whole yet. *answers: how many
       calls it answers, *failed: how many of them with anything but success. */
    size_t (*take)(const struct wire_speaker *speaker, const uint8_t *data, size_t bytes,
                   unsigned *answers, unsigned *failed);
    const uint8_t *greeting; /* what either side says first, greeting_bytes long */
    size_t greeting_bytes;
};

/* The protocol of that name, or NULL. */
const struct wire_protocol *wire_protocol_named(const char *name);

/* Bytes that n calls need at most. */
size_t wire_room(const struct wire_speaker *speaker, unsigned n);

/* Starts and ends a template; for the protocols. */
void wire_template_add(struct wire_template *template, const void *bytes, size_t size);
/* Adds the key, and notes where its digits are. */
void wire_template_add_key(struct wire_template *template);
/* Adds a value of that many bytes. */
void wire_template_add_value(struct wire_template *template, size_t size);
/* Copies a call with its key to out; the end of it. */
uint8_t *wire_template_put(const struct wire_template *template, uint32_t key, uint8_t *out);

extern const struct wire_protocol wire_redis;
extern const struct wire_protocol wire_memcached;
extern const struct wire_protocol wire_stated;

#endif
