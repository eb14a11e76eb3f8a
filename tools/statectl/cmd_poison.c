/* poison: shows that and why the state is poisoned, and clears it. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/message_json.h"
#include "statectl/queue_view.h"

#include "stated/v1/admin.stated-client.h"

#include <string.h>

static void print(const struct ctl *ctl, const char *what, const Stated__V1__Poison *poison)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "poison", poison != NULL ? message_json(&poison->base) : json_null());
        output_json(object, format);
    } else if (poison == NULL) {
        puts("the state is good");
    } else {
        fputs(what, stdout);
        queue_view_poison(poison);
    }
}

/* Exit status 1 when there is one, as for every answer that is no. */
static int show(struct ctl *ctl)
{
    Stated__V1__QueueRequest request = STATED__V1__QUEUE_REQUEST__INIT;
    Stated__V1__QueueResponse *queue;
    struct stated_status status;
    request.limit = 1;
    if (stated_v1_admin_service_queue(ctl->client, NULL, &request, &queue, &status) != STATED_OK) {
        return error_call(&status);
    }
    int code = queue->poison == NULL ? EXIT_DONE : EXIT_NEGATIVE;
    print(ctl, "", queue->poison);
    stated__v1__queue_response__free_unpacked(queue, NULL);
    return code;
}

/* ticket: of the poison that is meant, 0 = whichever is there. */
static int clear(struct ctl *ctl, uint64_t ticket)
{
    Stated__V1__ClearPoisonRequest request = STATED__V1__CLEAR_POISON_REQUEST__INIT;
    Stated__V1__ClearPoisonResponse *cleared;
    struct stated_status status;
    request.ticket = ticket;
    if (stated_v1_admin_service_clear_poison(ctl->client, NULL, &request, &cleared, &status) !=
        STATED_OK) {
        return error_call(&status);
    }
    print(ctl, "cleared: ", cleared->poison);
    stated__v1__clear_poison_response__free_unpacked(cleared, NULL);
    return EXIT_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_poison, argc, argv, NULL, &arguments)) {
        return EXIT_USAGE;
    }
    bool clears = strcmp(arguments.at[0], "clear") == 0;
    if (!clears && strcmp(arguments.at[0], "show") != 0) {
        return error_usage("poison: '%s' is neither show nor clear", arguments.at[0]);
    }
    uint64_t ticket = 0;
    if (arguments.n == 2 && !clears) {
        return error_usage("poison: show takes no ticket, there is one poison at most");
    }
    if (arguments.n == 2 &&
        !cli_number("poison: the ticket", arguments.at[1], 1, UINT64_MAX, &ticket)) {
        return EXIT_USAGE;
    }
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    return clears ? clear(ctl, ticket) : show(ctl);
}

const struct command cmd_poison = {
    .name = "poison",
    .arguments = "show|clear [TICKET]",
    .summary = "show or clear what poisoned the state",
    .help = "A handler that fails half way through a write poisons the state: no call is executed "
            "until it is good again and someone says so. show: which call it was, when and why; "
            "the exit status is 1 when there is one, 0 when the state is good. clear: calls are "
            "executed from now on; with the ticket that show has shown, only if it is still that "
            "call that poisoned the state.\n\n"
            "Examples:\n"
            "  statectl poison show\n"
            "  statectl poison clear 4711\n",
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
