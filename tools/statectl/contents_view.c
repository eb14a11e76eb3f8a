#include "statectl/contents_view.h"

#include "statectl/json.h"
#include "statectl/memory.h"
#include "statectl/table.h"
#include "statectl/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct store_contents contents_of(const Stated__V1__Contents *contents)
{
    return (struct store_contents){.revision = contents->revision,
                                   .keys = contents->keys,
                                   .oldest_revision = contents->oldest_revision,
                                   .stored_replies = contents->stored_replies,
                                   .file_bytes = contents->file_bytes};
}

static void print_json(const struct store_contents *contents, const char *name, const char *path,
                       enum output_format format)
{
    json_t *object = json_new_object();
    if (path != NULL) {
        /* A path may be any bytes; JSON is UTF-8. */
        json_set_bytes(
            object, name,
            (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)path, .len = strlen(path)});
    }
    json_set(object, "revision", json_new_number(contents->revision));
    json_set(object, "keys", json_new_number(contents->keys));
    json_set(object, "oldest_revision", json_new_number(contents->oldest_revision));
    json_set(object, "stored_replies", json_new_number(contents->stored_replies));
    json_set(object, "file_bytes", json_new_number(contents->file_bytes));
    output_json(object, format);
}

static bool is_json(enum output_format format)
{
    return format == OUTPUT_JSON || format == OUTPUT_JSONL;
}

void contents_view_print(const struct ctl *ctl, const struct store_contents *contents,
                         const char *name, const char *path, const char *done, const char *end)
{
    char revision[UNITS_BYTES];
    char keys[UNITS_BYTES];
    char bytes[UNITS_BYTES];
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (is_json(format)) {
        print_json(contents, name, path, format);
    } else if (format == OUTPUT_RAW) {
        printf("%" PRIu64 "\n", contents->revision);
    } else {
        printf("%s revision %s, %s, %s%s\n", done, units_count(revision, contents->revision),
               units_keys(keys, contents->keys), units_bytes(bytes, contents->file_bytes), end);
    }
}

static void add_count(struct table *table, const char *name, uint64_t number)
{
    char text[UNITS_BYTES];
    table_format(table, "%s", name);
    table_format(table, "%s", units_count(text, number));
}

void contents_view_table(const struct ctl *ctl, const struct store_contents *contents,
                         const char *name, const char *path)
{
    char text[UNITS_BYTES];
    struct table table;
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (is_json(format)) {
        print_json(contents, name, path, format);
        return;
    }
    table_init(&table, NULL, 2);
    add_count(&table, "revision", contents->revision);
    add_count(&table, "keys", contents->keys);
    add_count(&table, "change log from revision", contents->oldest_revision);
    add_count(&table, "remembered writes", contents->stored_replies);
    table_format(&table, "size");
    table_format(&table, "%s", units_bytes(text, contents->file_bytes));
    table_flush(&table);
    table_deinit(&table);
}
