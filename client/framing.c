#include "framing.h"

#include <endian.h>
#include <string.h>

#define MARK 1
#define LENGTH_BYTES sizeof(uint64_t)
#define ID_BYTES sizeof(uint32_t)

const uint8_t framing_greeting[FRAMING_GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

bool framing_is_reply_greeting(const uint8_t data[FRAMING_GREETING_BYTES])
{
    static const uint8_t expected[FRAMING_GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    return memcmp(data, expected, sizeof(expected)) == 0;
}

size_t framing_header_bytes(bool marked)
{
    return (marked ? 1 : 0) + LENGTH_BYTES + ID_BYTES;
}

void framing_put_header(uint8_t *out, bool marked, uint32_t id, size_t body_bytes)
{
    uint64_t length = htobe64(ID_BYTES + body_bytes);
    uint32_t word = htobe32(id);
    if (marked) {
        *out++ = MARK;
    }
    memcpy(out, &length, sizeof(length));
    memcpy(out + LENGTH_BYTES, &word, sizeof(word));
}

enum framing_result framing_parse_reply(const uint8_t *data, size_t length, bool marked,
                                        uint64_t max_body_bytes, struct framing_reply *reply)
{
    size_t header = framing_header_bytes(marked);
    *reply = (struct framing_reply){.bytes = header};
    if (marked && length > 0 && data[0] != MARK) {
        return FRAMING_BROKEN;
    }
    if (length < header) {
        return FRAMING_INCOMPLETE;
    }
    uint64_t payload;
    memcpy(&payload, data + header - ID_BYTES - LENGTH_BYTES, sizeof(payload));
    payload = be64toh(payload);
    memcpy(&reply->id, data + header - ID_BYTES, sizeof(reply->id));
    reply->id = be32toh(reply->id);
    if (payload < ID_BYTES || (reply->id & FRAMING_ID_BIT) == 0) {
        return FRAMING_BROKEN;
    }
    reply->body = data + header;
    reply->body_bytes = payload - ID_BYTES;
    if (reply->body_bytes > max_body_bytes) {
        return FRAMING_TOO_LARGE;
    }
    reply->bytes = header + (size_t)reply->body_bytes;
    return length < reply->bytes ? FRAMING_INCOMPLETE : FRAMING_COMPLETE;
}
