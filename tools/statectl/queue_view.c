#include "statectl/queue_view.h"

#include "statectl/memory.h"
#include "statectl/output.h"
#include "statectl/table.h"
#include "statectl/text.h"
#include "statectl/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *access_name(Stated__V1__Access access, bool committed)
{
    switch (access) {
    case STATED__V1__ACCESS__ACCESS_READ:
        return committed ? "read committed" : "read";
    case STATED__V1__ACCESS__ACCESS_WRITE:
        return "write";
    case STATED__V1__ACCESS__ACCESS_PARK:
        return "park";
    case STATED__V1__ACCESS__ACCESS_NONE:
        return "none";
    default:
        return "unknown";
    }
}

/* What the peer, or the server, wrote: nothing that the terminal obeys. */
static void add_foreign(struct table *table, const char *text)
{
    table_add(
        table,
        text_of((ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)}, 0));
}

static void print_calls(const char *title, Stated__V1__QueuedCall *const *calls, size_t shown,
                        uint32_t all)
{
    static const char *const headings[] = {"  TICKET", "AGE", "ACCESS", "METHOD", "PEER"};
    char age[UNITS_BYTES];
    struct table table;
    printf("%s%" PRIu32 " %s%s\n", output_bold(), all, title, output_plain());
    table_init(&table, headings, 5);
    table.right[0] = true;
    table.right[1] = true;
    for (size_t i = 0; i < shown; i++) {
        if (calls[i]->ticket != 0) {
            table_format(&table, "%" PRIu64, calls[i]->ticket);
        } else {
            table_format(&table, "-");
        }
        table_format(&table, "%s", units_time(age, calls[i]->age_us));
        table_format(&table, "%s", access_name(calls[i]->access, calls[i]->ticket == 0));
        add_foreign(&table, calls[i]->method);
        add_foreign(&table, calls[i]->peer);
    }
    table_flush(&table);
    table_deinit(&table);
    if (shown < all) {
        printf("  and %zu more\n", all - shown);
    }
}

static void print_times(const Stated__V1__QueueResponse *queue)
{
    static const char *const headings[] = {"  ACCESS", "CALLS",    "WAIT P50",
                                           "WAIT P99", "HOLD P50", "HOLD P99"};
    char text[UNITS_BYTES];
    struct table table;
    table_init(&table, headings, 6);
    for (size_t i = 0; i < queue->n_times; i++) {
        const Stated__V1__CallTimes *times = queue->times[i];
        table_format(&table, "  %s", access_name(times->access, times->committed));
        table_format(&table, "%s", units_count(text, times->calls));
        table_format(&table, "%s", units_time(text, times->wait_p50_us));
        table_format(&table, "%s", units_time(text, times->wait_p99_us));
        table_format(&table, "%s", units_time(text, times->hold_p50_us));
        table_format(&table, "%s", units_time(text, times->hold_p99_us));
    }
    for (size_t i = 1; i < 6; i++) {
        table.right[i] = true;
    }
    printf("%sfinished since the server started%s\n", output_bold(), output_plain());
    table_flush(&table);
    table_deinit(&table);
}

void queue_view_poison(const Stated__V1__Poison *poison)
{
    char age[UNITS_BYTES];
    ProtobufCBinaryData reason = {.data = (uint8_t *)poison->reason, .len = strlen(poison->reason)};
    char *shown = text_of(reason, 0);
    printf("poisoned %s ago by ticket %" PRIu64 ", %s: %s\n",
           units_time(age, poison->age_ms * 1000), poison->ticket, poison->method, shown);
    free(shown);
}

void queue_view_print(const Stated__V1__QueueResponse *queue)
{
    if (queue->poison != NULL) {
        fputs(output_red(), stdout);
        queue_view_poison(queue->poison);
        fputs(output_plain(), stdout);
    }
    print_calls("running", queue->running, queue->n_running, queue->running_calls);
    print_calls("waiting", queue->waiting, queue->n_waiting, queue->waiting_calls);
    if (queue->n_times > 0) {
        print_times(queue);
    }
}
