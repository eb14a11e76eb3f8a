/* history: what the change log still knows of a key. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/event_print.h"
#include "statectl/follow.h"
#include "statectl/interrupt.h"
#include "statectl/json.h"
#include "statectl/text.h"

#include "stated/v1/admin.stated-client.h"

#include <inttypes.h>
#include <stdlib.h>

/* While the log is read, its beginning may be dropped; then it is read anew. */
enum { MAX_TRIES = 3 };

struct history {
    struct follow follow;
    struct event_print print;
    uint64_t oldest;
};

static int take_event(void *argument, const Stated__V1__Event *event)
{
    struct history *self = argument;
    event_print(&self->print, event);
    return FOLLOW_ON;
}

static int find_oldest(struct ctl *ctl, uint64_t *oldest)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *server;
    struct stated_status status;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    if (stated_v1_admin_service_status(ctl->client, NULL, &request, &server, &status) !=
        STATED_OK) {
        return error_call(&status);
    }
    *oldest = server->store != NULL ? server->store->oldest_revision : 0;
    stated__v1__status_response__free_unpacked(server, NULL);
    if (*oldest == 0) {
        error_say("this server keeps no log of changes");
        return EXIT_CALL + STATED_UNIMPLEMENTED;
    }
    return EXIT_DONE;
}

static int read_log(struct history *self, struct ctl *ctl)
{
    const int has_moved_on = EXIT_CALL + STATED_OUT_OF_RANGE;
    int code = has_moved_on;
    for (int i = 0; i < MAX_TRIES && code == has_moved_on && self->follow.handled == 0; i++) {
        code = find_oldest(ctl, &self->oldest);
        self->follow.next_revision = self->oldest;
        code = code == EXIT_DONE ? follow_run(&self->follow, ctl) : code;
    }
    return code;
}

/* What there is to say beside the changes. */
static void say_limits(const struct history *self, const Stated__V1__Selector *select)
{
    char *key = text_of(select->key, 0);
    if (self->follow.handled == 0) {
        error_negative("no change of %s since revision %" PRIu64 ", where the change log begins",
                       key, self->oldest);
    } else if (self->oldest > 1) {
        error_say("the change log begins with revision %" PRIu64
                  "; what %s was before is not known",
                  self->oldest, key);
    }
    free(key);
}

static void print_document(struct history *self)
{
    json_t *document = json_new_object();
    json_set(document, "oldest_revision", json_new_number(self->oldest));
    json_set(document, "events", self->print.list);
    output_json(document, OUTPUT_JSON);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    Stated__V1__Selector select = STATED__V1__SELECTOR__INIT;
    struct history self = {
        .follow = {.select = &select, .no_wait = true, .event = take_event},
    };
    struct cli_arguments arguments;
    self.follow.argument = &self;
    select.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    if (!cli_parse(ctl, &cmd_history, argc, argv, NULL, &arguments) ||
        !ctl_key(ctl, arguments.at[0], &select.key)) {
        return EXIT_USAGE;
    }
    interrupt_defer();
    event_print_init(&self.print, output_choose(ctl->format, OUTPUT_JSONL));
    self.print.list = self.print.format == OUTPUT_JSON ? json_new_array() : NULL;
    int code = read_log(&self, ctl);
    if (code == EXIT_DONE && self.print.list != NULL) {
        print_document(&self);
    } else if (self.print.list != NULL) {
        json_decref(self.print.list);
    }
    event_print_deinit(&self.print);
    if (code == EXIT_DONE) {
        say_limits(&self, &select);
        code = self.follow.handled > 0 ? EXIT_DONE : EXIT_NEGATIVE;
    }
    return code;
}

const struct command cmd_history = {
    .name = "history",
    .arguments = "KEY",
    .summary = "show the changes of a key that are still known",
    .help =
        "All that the server's change log still has, oldest first: rows on a terminal, JSON lines "
        "elsewhere; -o json is one document, with the log's oldest revision in it. When the log "
        "does not go back to the beginning, standard error says from which revision on it does. "
        "Without any change the exit status is 1.\n\n"
        "Examples:\n"
        "  statectl history greeting\n"
        "  statectl history -o json greeting | jq '.events[].value'\n",
    .options = NULL,
    .parser = NULL,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
