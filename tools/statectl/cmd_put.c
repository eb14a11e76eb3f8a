/* put: gives a key a value. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/file.h"
#include "statectl/write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_IF_ABSENT = 0x100, KEY_IF_REVISION };

struct put_options {
    const char *file; /* NULL = the value is an argument */
    bool if_absent;
    uint64_t if_revision; /* 0 = whatever it is */
};

static const struct argp_option options[] = {
    {"file", 'f', "FILE", 0, "The value is the content of FILE", 0},
    {"if-absent", KEY_IF_ABSENT, NULL, 0, "Only if there is no such key", 0},
    {"if-revision", KEY_IF_REVISION, "N", 0, "Only if revision N was the last to change the key",
     0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct put_options *put = state->input;
    switch (key) {
    case 'f':
        put->file = text;
        return 0;
    case KEY_IF_ABSENT:
        put->if_absent = true;
        return 0;
    case KEY_IF_REVISION:
        return cli_number("--if-revision", text, 1, INT64_MAX, &put->if_revision) ? 0 : CLI_REFUSED;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Says which one is wrong. */
static bool check(const struct put_options *put, const struct cli_arguments *arguments)
{
    if (put->if_absent && put->if_revision != 0) {
        error_say("put: --if-absent and --if-revision exclude each other");
        return false;
    }
    if (put->file != NULL && arguments->n == 2) {
        error_say("put: the value is either '%s' or the content of %s, not both", arguments->at[1],
                  put->file);
        return false;
    }
    if (put->file == NULL && arguments->n == 1) {
        error_say("put needs a value; usage: statectl put KEY VALUE, or put KEY -f FILE, or put "
                  "KEY - for standard input");
        return false;
    }
    return true;
}

static int write_value(struct ctl *ctl, const struct put_options *options_given,
                       ProtobufCBinaryData key, ProtobufCBinaryData value)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse *response;
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    Stated__V1__Guard *guards = &guard;

    put.key = key;
    put.value = value;
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.mutations = &mutations;
    request.n_mutations = 1;
    guard.key = key;
    guard.must_case = options_given->if_absent ? STATED__V1__GUARD__MUST_EXISTS
                                               : STATED__V1__GUARD__MUST_MOD_REVISION;
    if (options_given->if_absent) {
        guard.exists = false;
    } else {
        guard.mod_revision = options_given->if_revision;
    }
    request.guards = &guards;
    request.n_guards = options_given->if_absent || options_given->if_revision != 0 ? 1 : 0;
    int code = write_run(ctl, &request, &response);
    if (code == EXIT_DONE) {
        write_print(ctl, response, -1);
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    return code;
}

/* The value is what a file has. A message has to have room for it. */
static int put_file(struct ctl *ctl, const struct put_options *put, ProtobufCBinaryData key,
                    const char *path)
{
    ProtobufCBinaryData value;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    uint64_t limit = ctl_message_limit(ctl->client);
    switch (file_read(path, limit, &value)) {
    case STATED_OK:
        code = write_value(ctl, put, key, value);
        free(value.data);
        return code;
    case STATED_RESOURCE_EXHAUSTED:
        error_say("%s has more than %" PRIu64 " bytes, which is the server's limit for a message; "
                  "its --max-message can be raised",
                  name, limit);
        return EXIT_CALL + STATED_INVALID_ARGUMENT;
    default:
        return error_file("read", name);
    }
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct put_options put = {.file = NULL};
    struct cli_arguments arguments;
    ProtobufCBinaryData key;
    if (!cli_parse(ctl, &cmd_put, argc, argv, &put, &arguments) || !check(&put, &arguments) ||
        !ctl_key(ctl, arguments.at[0], &key)) {
        return EXIT_USAGE;
    }
    char *given = arguments.n == 2 ? arguments.at[1] : NULL;
    if (given == NULL || strcmp(given, "-") == 0) {
        return put_file(ctl, &put, key, given != NULL ? given : put.file);
    }
    ProtobufCBinaryData value = {.data = (uint8_t *)given, .len = strlen(given)};
    return write_value(ctl, &put, key, value);
}

const struct command cmd_put = {
    .name = "put",
    .arguments = "KEY [VALUE|-]",
    .summary = "give a key a value",
    .help = "The value is an argument, the content of a file, or with - what comes on standard "
            "input, byte by byte. When a guard does not hold, nothing is written and the exit "
            "status is 1.\n\n"
            "Examples:\n"
            "  statectl put greeting hello\n"
            "  statectl put photo -f photo.jpg\n"
            "  date | statectl put now -\n"
            "  statectl put --if-absent leader \"$HOSTNAME\"\n"
            "  statectl put --if-revision 12 greeting hi\n",
    .options = options,
    .parser = parse,
    .takes_negative = true,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
