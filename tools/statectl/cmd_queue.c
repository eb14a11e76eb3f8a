/* queue: who holds the lock, who waits for it, since when. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/live.h"
#include "statectl/message_json.h"
#include "statectl/queue_view.h"

#include "stated/v1/admin.stated-client.h"

enum { KEY_LIMIT = 0x100, MAX_LIMIT = 1000 };

struct queue_options {
    struct live live;
    uint64_t limit;
};

static const struct argp_option options[] = {
    LIVE_OPTIONS,
    {"limit", KEY_LIMIT, "N", 0, "Show at most N calls of each kind (20)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct queue_options *self = state->input;
    if (key != KEY_LIMIT) {
        return live_parse(&self->live, key, text);
    }
    return cli_number("--limit", text, 1, MAX_LIMIT, &self->limit) ? 0 : CLI_REFUSED;
}

static int show(struct ctl *ctl, const void *argument)
{
    const struct queue_options *given = argument;
    Stated__V1__QueueRequest request = STATED__V1__QUEUE_REQUEST__INIT;
    Stated__V1__QueueResponse *queue;
    struct stated_status status;
    request.limit = (uint32_t)given->limit;
    if (stated_v1_admin_service_queue(ctl->client, NULL, &request, &queue, &status) != STATED_OK) {
        return error_call(&status);
    }
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        output_json(message_json(&queue->base), format);
    } else {
        queue_view_print(queue);
    }
    stated__v1__queue_response__free_unpacked(queue, NULL);
    return EXIT_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct queue_options given = {.live = LIVE_INIT, .limit = 20};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_queue, argc, argv, &given, &arguments)) {
        return EXIT_USAGE;
    }
    return live_run(&given.live, ctl, show, &given);
}

const struct command cmd_queue = {
    .name = "queue",
    .arguments = "",
    .summary = "show who holds the lock and who waits for it",
    .help = "Each call with its ticket, how long it has been running or waiting, its method and "
            "the connection it came over; and how long finished calls waited and held the "
            "lock.\n\n"
            "Examples:\n"
            "  statectl queue\n"
            "  statectl queue --watch\n"
            "  statectl queue -o json | jq '.waiting[].method'\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 0,
    .run = run,
};
