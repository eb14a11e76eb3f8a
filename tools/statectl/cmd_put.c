/* put: gives a key a value. create: the same for a key that is not there yet. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/value.h"
#include "statectl/write.h"

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

static const struct argp_option create_options[] = {
    {"file", 'f', "FILE", 0, "The value is the content of FILE", 0},
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

static int write_value(struct ctl *ctl, const struct put_options *given, ProtobufCBinaryData key,
                       ProtobufCBinaryData value)
{
    Stated__V1__WriteResponse *response;
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    guard.key = key;
    if (given->if_absent) {
        guard.must_case = STATED__V1__GUARD__MUST_EXISTS;
        guard.exists = false;
    } else if (given->if_revision != 0) {
        guard.must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
        guard.mod_revision = given->if_revision;
    }
    bool is_guarded = guard.must_case != STATED__V1__GUARD__MUST__NOT_SET;
    int code = write_put(ctl, key, value, is_guarded ? &guard : NULL, &response);
    if (code == EXIT_DONE) {
        write_print(ctl, response, -1);
    }
    if (response != NULL) {
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    return code;
}

/* What put and create have in common. */
static int run_as(const struct command *command, struct put_options *put, struct ctl *ctl, int argc,
                  char **argv)
{
    struct cli_arguments arguments;
    struct value value;
    ProtobufCBinaryData key;
    if (!cli_parse(ctl, command, argc, argv, put, &arguments)) {
        return EXIT_USAGE;
    }
    if (put->if_absent && put->if_revision != 0) {
        return error_usage("put: --if-absent and --if-revision exclude each other");
    }
    char *given = arguments.n == 2 ? arguments.at[1] : NULL;
    if (!value_is_one(command->name, given, put->file) || !ctl_key(ctl, arguments.at[0], &key)) {
        return EXIT_USAGE;
    }
    int code = value_take(&value, ctl, given, put->file);
    if (code == EXIT_DONE) {
        code = write_value(ctl, put, key, value.bytes);
    }
    value_free(&value);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct put_options put = {.file = NULL};
    return run_as(&cmd_put, &put, ctl, argc, argv);
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

static int run_create(struct ctl *ctl, int argc, char **argv)
{
    struct put_options put = {.if_absent = true};
    return run_as(&cmd_create, &put, ctl, argc, argv);
}

const struct command cmd_create = {
    .name = "create",
    .arguments = "KEY [VALUE|-]",
    .summary = "give a key that is not there yet a value",
    .help = "When the key is there, nothing is written and the exit status is 1: of all who try, "
            "one succeeds. The value is given as for put.\n\n"
            "Examples:\n"
            "  statectl create leader \"$HOSTNAME\" && echo elected\n"
            "  statectl create config -f defaults.ini\n",
    .options = create_options,
    .parser = parse,
    .takes_negative = true,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run_create,
};
