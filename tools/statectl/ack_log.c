#include "statectl/ack_log.h"

#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/memory.h"
#include "statectl/text.h"

FILE *ack_log_open(const char *path)
{
    FILE *file = fopen(path, "ae");
    if (file == NULL) {
        error_file("write", path);
    }
    return file;
}

void ack_log_append(FILE *file, ProtobufCBinaryData key)
{
    json_t *line;
    if (text_is_utf8(key)) {
        line = memory_check(json_stringn_nocheck((const char *)key.data, key.len));
    } else {
        line = json_new_object();
        json_set_bytes(line, "key", key);
    }
    json_dumpf(line, file, JSON_ENCODE_ANY | JSON_COMPACT);
    fputc('\n', file);
    json_decref(line);
}

bool ack_log_flush(FILE *file)
{
    return fflush(file) == 0 && !ferror(file);
}
