/* del: deletes keys. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/memory.h"
#include "statectl/text.h"
#include "statectl/write.h"

#include "stated/v1/state.stated-client.h"

#include <stdlib.h>
#include <string.h>

struct del_options {
    char *prefix; /* NULL = keys */
};

static const struct argp_option options[] = {
    {"prefix", 'p', "PREFIX", 0, "Delete every key that starts with PREFIX", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct del_options *del = state->input;
    if (key != 'p') {
        return ARGP_ERR_UNKNOWN;
    }
    del->prefix = text;
    return 0;
}

/* Says which of the keys were not there. */
static void name_missing(const Stated__V1__Selector *keys, size_t n,
                         const Stated__V1__WriteResponse *response)
{
    for (size_t i = 0; i < n; i++) {
        bool was_there = false;
        for (size_t j = 0; j < response->n_previous && !was_there; j++) {
            ProtobufCBinaryData previous = response->previous[j]->key;
            was_there = previous.len == keys[i].key.len &&
                        memcmp(previous.data, keys[i].key.data, previous.len) == 0;
        }
        if (!was_there) {
            char *key = text_of(keys[i].key, 0);
            error_negative("no such key: %s", key);
            free(key);
        }
    }
}

/* What was deleted comes back, so that it can be counted, unless a reply has no room for it: then
   the server has refused the write, and it is made without. */
static int write_deletes(struct ctl *ctl, Stated__V1__WriteRequest *request,
                         Stated__V1__WriteResponse **response)
{
    struct stated_status status;
    int connected = ctl_connect(ctl);
    if (connected != EXIT_DONE) {
        return connected;
    }
    request->return_previous = true;
    enum stated_code code =
        stated_v1_state_service_write(ctl->client, NULL, request, response, &status);
    if (code == STATED_RESOURCE_EXHAUSTED && status.retry_after_ms == 0) {
        request->return_previous = false;
        code = stated_v1_state_service_write(ctl->client, NULL, request, response, &status);
    }
    return code == STATED_OK ? EXIT_DONE : error_call(&status);
}

/* The exit code; 1 when something was not there. */
static int report(const struct ctl *ctl, const Stated__V1__Selector *selectors, size_t n,
                  const Stated__V1__WriteResponse *response)
{
    bool are_keys = selectors[0].kind_case == STATED__V1__SELECTOR__KIND_KEY;
    write_print(ctl, response, (int64_t)response->n_previous);
    if (are_keys && response->n_previous < n) {
        name_missing(selectors, n, response);
    }
    return response->n_previous < (are_keys ? n : 1) ? EXIT_NEGATIVE : EXIT_DONE;
}

static int delete_all(struct ctl *ctl, Stated__V1__Selector *selectors, size_t n)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse *response;
    Stated__V1__Delete *deletes = memory_new(n, sizeof *deletes);
    Stated__V1__Mutation *mutations = memory_new(n, sizeof *mutations);
    request.mutations = memory_new(n, sizeof *request.mutations);
    request.n_mutations = n;
    for (size_t i = 0; i < n; i++) {
        stated__v1__delete__init(&deletes[i]);
        stated__v1__mutation__init(&mutations[i]);
        deletes[i].select = &selectors[i];
        mutations[i].kind_case = STATED__V1__MUTATION__KIND_DELETE;
        mutations[i].delete_ = &deletes[i];
        request.mutations[i] = &mutations[i];
    }
    int code = write_deletes(ctl, &request, &response);
    if (code == EXIT_DONE) {
        if (request.return_previous) {
            code = report(ctl, selectors, n, response);
        } else {
            write_print(ctl, response, -1);
        }
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    free(request.mutations);
    free(mutations);
    free(deletes);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct del_options del = {.prefix = NULL};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_del, argc, argv, &del, &arguments)) {
        return EXIT_USAGE;
    }
    if ((del.prefix == NULL) == (arguments.n == 0)) {
        return error_usage("del needs either keys or --prefix; usage: statectl del KEY..., or del "
                           "--prefix PREFIX");
    }
    size_t n = del.prefix != NULL ? 1 : (size_t)arguments.n;
    Stated__V1__Selector *selectors = memory_new(n, sizeof *selectors);
    int code = EXIT_DONE;
    for (size_t i = 0; i < n && code == EXIT_DONE; i++) {
        char *text = del.prefix != NULL ? del.prefix : arguments.at[i];
        ProtobufCBinaryData key;
        stated__v1__selector__init(&selectors[i]);
        code = ctl_key(ctl, text, &key) ? EXIT_DONE : EXIT_USAGE;
        selectors[i].kind_case =
            del.prefix != NULL ? STATED__V1__SELECTOR__KIND_PREFIX : STATED__V1__SELECTOR__KIND_KEY;
        if (del.prefix != NULL) {
            selectors[i].prefix = key;
        } else {
            selectors[i].key = key;
        }
    }
    code = code == EXIT_DONE ? delete_all(ctl, selectors, n) : code;
    free(selectors);
    return code;
}

const struct command cmd_del = {
    .name = "del",
    .arguments = "[KEY...]",
    .summary = "delete keys",
    .help =
        "All of them in one write, so all or none. A key that was not there is named on "
        "standard error and the exit status is 1; the others are deleted all the same. How many "
        "it were is not told when they are too many, or too large, for a reply.\n\n"
        "Examples:\n"
        "  statectl del greeting\n"
        "  statectl del --prefix sessions/\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = -1,
    .run = run,
};
