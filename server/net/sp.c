#include "net/sp.h"

#include <endian.h>
#include <string.h>

#define MARK 1
#define LENGTH_BYTES 8
#define WORD_BYTES 4
/* In the first byte of the last word of a path, which is the request's id. */
#define LAST_WORD_BIT 0x80

const uint8_t sp_greeting[SP_GREETING_BYTES] = {0x00, 'S', 'P', 0x00, 0x00, 0x31, 0x00, 0x00};

bool sp_is_request_greeting(const uint8_t data[SP_GREETING_BYTES])
{
    static const uint8_t expected[SP_GREETING_BYTES] = {0x00, 'S',  'P',  0x00,
                                                        0x00, 0x30, 0x00, 0x00};
    return memcmp(data, expected, sizeof(expected)) == 0;
}

/* Bytes of the path that the payload starts with. 0: it is none, or not yet one with `available`
   bytes, of which *broken tells. */
static size_t measure_path(const uint8_t *payload, size_t available, bool *broken)
{
    *broken = false;
    for (size_t at = 0; at < SP_MAX_PATH_BYTES; at += WORD_BYTES) {
        if (available < at + WORD_BYTES) {
            return 0;
        }
        if ((payload[at] & LAST_WORD_BIT) != 0) {
            return at + WORD_BYTES;
        }
    }
    *broken = true;
    return 0;
}

enum sp_result sp_parse_request(const uint8_t *data, size_t length, bool marked,
                                size_t max_body_bytes, struct sp_request *request)
{
    size_t prefix = (marked ? 1 : 0) + LENGTH_BYTES;
    *request = (struct sp_request){.bytes = prefix + WORD_BYTES};
    if (marked && length > 0 && data[0] != MARK) {
        return SP_BROKEN;
    }
    if (length < prefix) {
        return SP_INCOMPLETE;
    }
    uint64_t announced;
    memcpy(&announced, data + prefix - LENGTH_BYTES, sizeof(announced));
    announced = be64toh(announced);
    if (announced < WORD_BYTES) {
        return SP_BROKEN;
    }
    if (announced > max_body_bytes + SP_MAX_PATH_BYTES) {
        return SP_TOO_LARGE;
    }
    size_t payload_bytes = (size_t)announced;
    size_t available = length - prefix < payload_bytes ? length - prefix : payload_bytes;
    const uint8_t *payload = data + prefix;
    bool broken;
    size_t path_bytes = measure_path(payload, available, &broken);
    if (broken || (path_bytes == 0 && available == payload_bytes)) {
        return SP_BROKEN;
    }
    request->bytes = prefix + payload_bytes;
    if (path_bytes != 0 && payload_bytes - path_bytes > max_body_bytes) {
        return SP_TOO_LARGE;
    }
    if (available < payload_bytes) {
        return SP_INCOMPLETE;
    }
    request->path = payload;
    request->path_bytes = path_bytes;
    request->body = payload + path_bytes;
    request->body_bytes = payload_bytes - path_bytes;
    return SP_COMPLETE;
}

size_t sp_reply_header_size(bool marked, size_t path_bytes)
{
    return (marked ? 1 : 0) + LENGTH_BYTES + path_bytes;
}

uint8_t *sp_put_reply_header(uint8_t *out, bool marked, const uint8_t *path, size_t path_bytes,
                             size_t body_bytes)
{
    if (marked) {
        *out++ = MARK;
    }
    uint64_t length = htobe64(path_bytes + body_bytes);
    memcpy(out, &length, sizeof(length));
    out += sizeof(length);
    memcpy(out, path, path_bytes);
    return out + path_bytes;
}
