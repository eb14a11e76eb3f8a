/* status: what the server says about itself. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/live.h"
#include "statectl/message_json.h"
#include "statectl/table.h"
#include "statectl/text.h"
#include "statectl/units.h"

#include "stated/v1/admin.stated-client.h"

#include <inttypes.h>

static const struct argp_option options[] = {LIVE_OPTIONS, {0}};

static error_t parse(int key, char *text, struct argp_state *state)
{
    return live_parse(state->input, key, text);
}

static void add_count(struct table *table, const char *name, uint64_t number)
{
    char text[UNITS_BYTES];
    table_format(table, "%s", name);
    table_format(table, "%s", units_count(text, number));
}

static void add_bytes(struct table *table, const char *name, uint64_t bytes)
{
    char text[UNITS_BYTES];
    table_format(table, "%s", name);
    table_format(table, "%s", units_bytes(text, bytes));
}

static void add_text(struct table *table, const char *name, const char *text)
{
    table_format(table, "%s", name);
    table_add(table, text_safe(text));
}

static void add_server(struct table *table, const Stated__V1__StatusResponse *server)
{
    char text[UNITS_BYTES];
    add_text(table, "version", server->version);
    table_format(table, "epoch");
    table_format(table, "%016" PRIx64, server->epoch);
    add_text(table, "up for", units_time(text, server->uptime_ms * 1000));
    table_format(table, "pid");
    table_format(table, "%" PRIu32, server->pid);
    for (size_t i = 0; i < server->n_endpoints; i++) {
        add_text(table, i == 0 ? "endpoints" : "", server->endpoints[i]);
    }
    add_text(table, "data directory", server->data_directory);
    add_count(table, "connections", server->connections);
    add_bytes(table, "memory", server->resident_bytes);
}

static void add_store(struct table *table, const Stated__V1__StoreStatus *store)
{
    char size[UNITS_BYTES];
    char limit[UNITS_BYTES];
    char used[UNITS_BYTES];
    char oldest[UNITS_BYTES];
    table_format(table, "store");
    table_format(table, "%s, %s, format %" PRIu32, store->engine, store->durability,
                 store->format_version);
    add_count(table, "revision", store->revision);
    add_count(table, "keys", store->keys);
    table_format(table, "size on disk");
    table_format(table, "%s of %s, %s in use", units_bytes(size, store->file_bytes),
                 units_bytes(limit, store->size_limit_bytes), units_bytes(used, store->live_bytes));
    table_format(table, "change log");
    table_format(table, "from revision %s on; at most %s revisions, %s",
                 units_count(oldest, store->oldest_revision),
                 units_count(size, store->retention_revisions),
                 units_bytes(limit, store->retention_bytes));
    table_format(table, "remembers");
    table_format(table, "the writes of %s clients, %s of each",
                 units_count(size, store->remembered_clients),
                 units_count(limit, store->remembered_writes));
}

static void add_queue(struct table *table, const Stated__V1__QueueStatus *queue)
{
    char text[UNITS_BYTES];
    add_count(table, "next ticket", queue->next_ticket);
    table_format(table, "calls");
    table_format(table, "%" PRIu32 " running, %" PRIu32 " waiting (%s), %" PRIu32 " parked",
                 queue->running_calls, queue->waiting_calls,
                 units_bytes(text, queue->waiting_bytes), queue->parked_calls);
    table_format(table, "since the start");
    table_format(table, "%" PRIu64 " refused, %" PRIu64 " expired, %" PRIu64 " cancelled",
                 queue->refused, queue->expired, queue->cancelled);
}

static void add_limits(struct table *table, const Stated__V1__Limits *limits)
{
    char text[UNITS_BYTES];
    table_format(table, "limits");
    table_format(table, "%" PRIu32 " connections, %" PRIu32 " calls each, %s a message",
                 limits->max_connections, limits->max_calls_per_connection,
                 units_bytes(text, limits->max_message_bytes));
    table_format(table, "%s", "");
    table_format(table, "%" PRIu32 " calls queued (%s), %" PRIu32 " a frame",
                 limits->max_queued_calls, units_bytes(text, limits->max_queued_bytes),
                 limits->max_calls_per_frame);
    table_format(table, "%s", "");
    table_format(table, "%" PRIu32 " calls parked, %" PRIu32 " a connection",
                 limits->max_parked_calls, limits->max_parked_calls_per_connection);
    table_format(table, "%s", "");
    table_format(
        table, "%" PRIu32 " workers, timeouts %" PRIu32 " ms unless given, %" PRIu32 " ms at most",
        limits->workers, limits->default_timeout_ms, limits->max_timeout_ms);
}

static void print(const Stated__V1__StatusResponse *server)
{
    struct table table;
    table_init(&table, NULL, 2);
    add_server(&table, server);
    if (server->store != NULL) {
        add_store(&table, server->store);
    }
    if (server->queue != NULL) {
        add_queue(&table, server->queue);
    }
    if (server->limits != NULL) {
        add_limits(&table, server->limits);
    }
    table_flush(&table);
    table_deinit(&table);
}

static int show(struct ctl *ctl, const void *argument)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *server;
    struct stated_status status;
    (void)argument;
    if (stated_v1_admin_service_status(ctl->client, NULL, &request, &server, &status) !=
        STATED_OK) {
        return error_call(&status);
    }
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        output_json(message_json(&server->base), format);
    } else {
        print(server);
    }
    stated__v1__status_response__free_unpacked(server, NULL);
    return EXIT_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct live live = LIVE_INIT;
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_status, argc, argv, &live, &arguments)) {
        return EXIT_USAGE;
    }
    return live_run(&live, ctl, show, NULL);
}

const struct command cmd_status = {
    .name = "status",
    .arguments = "",
    .summary = "show what the server says about itself",
    .help = "Version, epoch, where it listens and keeps its data, sizes, queue and limits; with "
            "-o json every field of AdminService/Status.\n\n"
            "Examples:\n"
            "  statectl status\n"
            "  statectl status --watch\n"
            "  statectl -o json status | jq .store.revision\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 0,
    .run = run,
};
