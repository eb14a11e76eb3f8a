/* queue: who holds the lock, who waits for it, since when. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/interrupt.h"
#include "statectl/message_json.h"
#include "statectl/queue_view.h"

#include "stated/v1/admin.stated-client.h"

enum { KEY_LIMIT = 0x100, WATCH_INTERVAL_MS = 500, MAX_LIMIT = 1000 };

struct queue_options {
    bool watch;
    uint64_t limit;
};

static const struct argp_option options[] = {
    {"watch", 'w', NULL, 0, "Twice a second, until Ctrl-C", 0},
    {"limit", KEY_LIMIT, "N", 0, "Show at most N calls of each kind (20)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct queue_options *self = state->input;
    switch (key) {
    case 'w':
        self->watch = true;
        return 0;
    case KEY_LIMIT:
        return cli_number("--limit", text, 1, MAX_LIMIT, &self->limit) ? 0 : CLI_REFUSED;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Each picture replaces the one before on a terminal, in one piece; elsewhere it is set apart. */
static void start_picture(const struct ctl *ctl, const struct queue_options *given)
{
    static char whole[1 << 16];
    if (given->watch && output_is_terminal()) {
        setvbuf(stdout, whole, _IOFBF, sizeof whole);
        printf("\033[H\033[2J%s, until Ctrl-C\n\n", ctl->endpoint);
    } else if (given->watch) {
        putchar('\n');
    }
}

static int show(struct ctl *ctl, const struct queue_options *given)
{
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
        start_picture(ctl, given);
        queue_view_print(queue);
    }
    stated__v1__queue_response__free_unpacked(queue, NULL);
    return output_finish(EXIT_DONE);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct queue_options given = {.limit = 20};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_queue, argc, argv, &given, &arguments)) {
        return EXIT_USAGE;
    }
    int code = ctl_connect(ctl);
    if (code == EXIT_DONE && given.watch) {
        interrupt_defer();
    }
    if (code == EXIT_DONE) {
        code = show(ctl, &given);
    }
    while (code == EXIT_DONE && given.watch) {
        code = interrupt_sleep(WATCH_INTERVAL_MS);
        if (code == EXIT_DONE) {
            code = show(ctl, &given);
        }
    }
    return code;
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
