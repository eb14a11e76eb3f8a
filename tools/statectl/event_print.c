#include "statectl/event_print.h"

#include "statectl/json.h"
#include "statectl/memory.h"
#include "statectl/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_KEY_COLUMNS = 60, LEAST_VALUE_COLUMNS = 20 };

const char *event_type(const Stated__V1__Event *event)
{
    return event->type == STATED__V1__EVENT__TYPE__TYPE_DELETE ? "delete" : "put";
}

static bool is_delete(const Stated__V1__Event *event)
{
    return event->type == STATED__V1__EVENT__TYPE__TYPE_DELETE;
}

void event_print_init(struct event_print *self, enum output_format format)
{
    static const char *const headings[] = {"REVISION", "CHANGE", "KEY", "VALUE"};
    *self = (struct event_print){.format = format, .columns = output_columns()};
    table_init(&self->table, headings, 4);
    self->table.right[0] = true;
}

void event_print_deinit(struct event_print *self)
{
    table_deinit(&self->table);
}

static json_t *json_of_event(const Stated__V1__Event *event)
{
    json_t *object = json_new_object();
    json_set(object, "type", json_string(event_type(event)));
    json_set(object, "revision", json_new_number(event->entry->mod_revision));
    json_set_bytes(object, "key", event->entry->key);
    if (!is_delete(event)) {
        json_set_bytes(object, "value", event->entry->value);
        json_set(object, "create_revision", json_new_number(event->entry->create_revision));
        json_set(object, "version", json_new_number(event->entry->version));
    }
    if (event->previous != NULL) {
        json_t *previous = json_new_object();
        json_set_bytes(previous, "value", event->previous->value);
        json_set(previous, "mod_revision", json_new_number(event->previous->mod_revision));
        json_set(previous, "version", json_new_number(event->previous->version));
        json_set(object, "previous", previous);
    }
    return object;
}

static void print_raw(const Stated__V1__Event *event)
{
    printf("%s\t%" PRIu64 "\t", event_type(event), event->entry->mod_revision);
    output_bytes(event->entry->key);
    if (!is_delete(event)) {
        putchar('\t');
        output_bytes(event->entry->value);
    }
    putchar('\n');
}

static void print_row(struct event_print *self, const Stated__V1__Event *event)
{
    struct table *table = &self->table;
    table_format(table, "%" PRIu64, event->entry->mod_revision);
    table_format(table, "%s", event_type(event));
    table_add(table, text_of(event->entry->key, self->columns > 0 ? MAX_KEY_COLUMNS : 0));
    size_t used = table->widths[0] + table->widths[1] + table->widths[2] + 6;
    size_t left =
        self->columns > used + LEAST_VALUE_COLUMNS ? self->columns - used : LEAST_VALUE_COLUMNS;
    table_add(table, is_delete(event) ? memory_format("%s", "")
                                      : text_of(event->entry->value, self->columns > 0 ? left : 0));
    table_flush(table);
}

void event_print(struct event_print *self, const Stated__V1__Event *event)
{
    if (self->list != NULL) {
        json_append(self->list, json_of_event(event));
    } else if (self->format == OUTPUT_TABLE) {
        print_row(self, event);
    } else if (self->format == OUTPUT_RAW) {
        print_raw(event);
    } else {
        output_json(json_of_event(event), self->format);
    }
}
