/* cas: gives a key a value if it is as expected. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/message_json.h"
#include "statectl/text.h"
#include "statectl/value.h"
#include "statectl/write.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_VALUE = 0x100, KEY_VALUE_FILE, KEY_REVISION, KEY_VERSION };

struct cas_options {
    const char *file; /* with the new value; NULL = it is an argument */
    char *old;        /* the expected value; NULL = not an option */
    const char *old_file;
    uint64_t revision;
    uint64_t version;
    int expectations; /* how many of these four were given */
};

static const struct argp_option options[] = {
    {"file", 'f', "FILE", 0, "The new value is the content of FILE", 0},
    {"if-value", KEY_VALUE, "OLD", 0, "Only if its value is OLD", 0},
    {"if-value-file", KEY_VALUE_FILE, "FILE", 0, "Only if its value is the content of FILE", 0},
    {"if-revision", KEY_REVISION, "N", 0,
     "Only if revision N was the last to change it; 0 = no key", 0},
    {"if-version", KEY_VERSION, "N", 0, "Only if it was written N times; 0 = no key", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct cas_options *self = state->input;
    bool good = true;
    switch (key) {
    case 'f':
        self->file = text;
        return 0;
    case KEY_VALUE:
        self->old = text;
        break;
    case KEY_VALUE_FILE:
        self->old_file = text;
        break;
    case KEY_REVISION:
        good = cli_number("--if-revision", text, 0, INT64_MAX, &self->revision);
        break;
    case KEY_VERSION:
        good = cli_number("--if-version", text, 0, INT64_MAX, &self->version);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    self->expectations += 1;
    return good ? 0 : CLI_REFUSED;
}

static bool is_input(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* Says which one is wrong. */
static bool check(const struct cas_options *self, const char *given)
{
    if (self->expectations != 1) {
        error_say("cas needs %s of --if-value, --if-value-file, --if-revision and --if-version",
                  self->expectations == 0 ? "one" : "no more than one");
        return false;
    }
    if (!value_is_one("cas", given, self->file)) {
        return false;
    }
    if (is_input(self->old_file) && (is_input(given) || is_input(self->file))) {
        error_say("cas: standard input is either the expected value or the new one, not both");
        return false;
    }
    return true;
}

/* What is there instead of what was expected. */
static void print_present(const struct ctl *ctl, const Stated__V1__WriteResponse *response,
                          const Stated__V1__Entry *entry)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_RAW);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        output_json(message_json(&response->base), format);
    } else if (format == OUTPUT_RAW && entry != NULL) {
        output_bytes(entry->value);
    } else if (entry != NULL) {
        char *text = text_block(entry->value);
        fputs(text, stdout);
        free(text);
    }
}

static int write_value(struct ctl *ctl, Stated__V1__Guard *guard, ProtobufCBinaryData value)
{
    Stated__V1__WriteResponse *response;
    int code = write_put(ctl, guard->key, value, guard, &response);
    if (code == EXIT_DONE) {
        write_print(ctl, response, -1);
    } else if (code == EXIT_NEGATIVE) {
        print_present(ctl, response, write_current(response, guard->key));
    }
    if (response != NULL) {
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    return code;
}

static int compare_and_set(struct ctl *ctl, const struct cas_options *self, Stated__V1__Guard guard,
                           char *given)
{
    struct value value = {.owned = NULL};
    struct value old = {.owned = NULL};
    int code = EXIT_DONE;
    if (self->old != NULL) {
        old.bytes = (ProtobufCBinaryData){.data = (uint8_t *)self->old, .len = strlen(self->old)};
    } else if (self->old_file != NULL) {
        code = value_take(&old, ctl, NULL, self->old_file);
    }
    if (code == EXIT_DONE) {
        code = value_take(&value, ctl, given, self->file);
    }
    if (code == EXIT_DONE) {
        if (guard.must_case == STATED__V1__GUARD__MUST_VALUE) {
            guard.value = old.bytes;
        }
        code = write_value(ctl, &guard, value.bytes);
    }
    value_free(&value);
    value_free(&old);
    return code;
}

/* Revision and version 0 stand for a key that is not there. */
static Stated__V1__Guard expectation(const struct cas_options *self, ProtobufCBinaryData key)
{
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    guard.key = key;
    if (self->old != NULL || self->old_file != NULL) {
        guard.must_case = STATED__V1__GUARD__MUST_VALUE;
    } else if (self->revision != 0) {
        guard.must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
        guard.mod_revision = self->revision;
    } else if (self->version != 0) {
        guard.must_case = STATED__V1__GUARD__MUST_VERSION;
        guard.version = self->version;
    } else {
        guard.must_case = STATED__V1__GUARD__MUST_EXISTS;
        guard.exists = false;
    }
    return guard;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct cas_options self = {.file = NULL};
    struct cli_arguments arguments;
    ProtobufCBinaryData key;
    if (!cli_parse(ctl, &cmd_cas, argc, argv, &self, &arguments)) {
        return EXIT_USAGE;
    }
    char *given = arguments.n == 2 ? arguments.at[1] : NULL;
    if (!check(&self, given) || !ctl_key(ctl, arguments.at[0], &key)) {
        return EXIT_USAGE;
    }
    return compare_and_set(ctl, &self, expectation(&self, key), given);
}

const struct command cmd_cas = {
    .name = "cas",
    .arguments = "KEY [NEW|-]",
    .summary = "give a key a value if it is as expected",
    .help = "Compare and set, in one step: nothing comes in between. When the key is not as "
            "expected, nothing is written, the value that is there is printed as get prints it, "
            "and the exit status is 1; with -o json what is printed says \"applied\": false and "
            "has the whole entry under \"current\".\n\n"
            "Examples:\n"
            "  statectl cas color blue --if-value green\n"
            "  statectl cas config -f new.ini --if-value-file old.ini\n"
            "  statectl cas job done --if-revision 12\n"
            "  statectl cas job started --if-version 0\n",
    .options = options,
    .parser = parse,
    .takes_negative = true,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
