#include "wire_protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "bench/";

const struct wire_protocol *wire_protocol_named(const char *name)
{
    static const struct wire_protocol *const protocols[] = {&wire_redis, &wire_memcached,
                                                            &wire_stated};
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i]->name, name) == 0) {
            return protocols[i];
        }
    }
    return NULL;
}

size_t wire_room(const struct wire_speaker *speaker, unsigned n)
{
    enum { MESSAGE_HEADER = 16 };
    size_t largest =
        speaker->read.size > speaker->write.size ? speaker->read.size : speaker->write.size;
    return n * (largest + MESSAGE_HEADER);
}

void wire_template_add(struct wire_template *template, const void *bytes, size_t size)
{
    template->bytes = realloc(template->bytes, template->size + size + 1);
    if (template->bytes == NULL) {
        fputs("wire_load: out of memory\n", stderr);
        exit(1);
    }
    memcpy(template->bytes + template->size, bytes, size);
    template->size += size;
}

void wire_template_add_key(struct wire_template *template)
{
    wire_template_add(template, prefix, WIRE_PREFIX_BYTES);
    template->digits_at = template->size;
    wire_template_add(template, "00000000", WIRE_KEY_DIGITS);
}

void wire_template_add_value(struct wire_template *template, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char letter = (char)('a' + i % 26);
        wire_template_add(template, &letter, 1);
    }
}

uint8_t *wire_template_put(const struct wire_template *template, uint32_t key, uint8_t *out)
{
    memcpy(out, template->bytes, template->size);
    for (size_t i = WIRE_KEY_DIGITS; i-- > 0; key /= 10) {
        out[template->digits_at + i] = (uint8_t)('0' + key % 10);
    }
    return out + template->size;
}

static uint8_t *put_each(const struct wire_speaker *speaker, const struct wire_call *calls,
                         unsigned n, uint8_t *out)
{
    for (unsigned i = 0; i < n; i++) {
        out =
            wire_template_put(calls[i].read ? &speaker->read : &speaker->write, calls[i].key, out);
    }
    return out;
}

static void add_text(struct wire_template *template, const char *text)
{
    wire_template_add(template, text, strlen(text));
}

/* The line at the start of the data, with its end; 0 when it is not whole yet. */
static size_t line_bytes(const uint8_t *data, size_t bytes)
{
    const uint8_t *end = bytes == 0 ? NULL : memchr(data, '\n', bytes);
    return end == NULL ? 0 : (size_t)(end - data) + 1;
}

/* Redis: RESP, "SET key value" and "GET key" as arrays of bulk strings. */

static void redis_prepare(struct wire_speaker *speaker)
{
    char head[64];
    add_text(&speaker->read, "*2\r\n$3\r\nGET\r\n$14\r\n");
    wire_template_add_key(&speaker->read);
    add_text(&speaker->read, "\r\n");
    add_text(&speaker->write, "*3\r\n$3\r\nSET\r\n$14\r\n");
    wire_template_add_key(&speaker->write);
    snprintf(head, sizeof head, "\r\n$%zu\r\n", speaker->value_bytes);
    add_text(&speaker->write, head);
    wire_template_add_value(&speaker->write, speaker->value_bytes);
    add_text(&speaker->write, "\r\n");
}

static size_t redis_take(const struct wire_speaker *speaker, const uint8_t *data, size_t bytes,
                         unsigned *answers, unsigned *failed)
{
    size_t line = line_bytes(data, bytes);
    if (line == 0) {
        return 0;
    }
    bool bulk = data[0] == '$' && data[1] != '-';
    size_t whole = bulk ? line + speaker->value_bytes + 2 : line;
    *answers = 1;
    *failed = data[0] != '+' && !bulk;
    return bytes < whole ? 0 : whole;
}

const struct wire_protocol wire_redis = {
    .name = "redis", .prepare = redis_prepare, .put = put_each, .take = redis_take};

/* memcached: its text protocol, "set key 0 0 bytes" and "get key". */

static void memcached_prepare(struct wire_speaker *speaker)
{
    char head[64];
    add_text(&speaker->read, "get ");
    wire_template_add_key(&speaker->read);
    add_text(&speaker->read, "\r\n");
    add_text(&speaker->write, "set ");
    wire_template_add_key(&speaker->write);
    snprintf(head, sizeof head, " 0 0 %zu\r\n", speaker->value_bytes);
    add_text(&speaker->write, head);
    wire_template_add_value(&speaker->write, speaker->value_bytes);
    add_text(&speaker->write, "\r\n");
}

static size_t memcached_take(const struct wire_speaker *speaker, const uint8_t *data, size_t bytes,
                             unsigned *answers, unsigned *failed)
{
    size_t line = line_bytes(data, bytes);
    if (line == 0) {
        return 0;
    }
    bool value = data[0] == 'V';
    size_t whole = value ? line + speaker->value_bytes + strlen("\r\nEND\r\n") : line;
    *answers = 1;
    *failed = !value && data[0] != 'S';
    return bytes < whole ? 0 : whole;
}

const struct wire_protocol wire_memcached = {
    .name = "memcached", .prepare = memcached_prepare, .put = put_each, .take = memcached_take};
