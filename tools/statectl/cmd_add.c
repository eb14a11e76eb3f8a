/* add: adds to a decimal counter. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static bool parse_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    bool has_digits = text[text[0] == '-' || text[0] == '+'] >= '0' &&
                      text[text[0] == '-' || text[0] == '+'] <= '9';
    if (!has_digits || *end != '\0' || errno != 0) {
        error_say("add: '%s' is not a whole number from %" PRId64 " to %" PRId64, text, INT64_MIN,
                  INT64_MAX);
        return false;
    }
    *number = parsed;
    return true;
}

/* The counter after the write: what it was before, plus delta; the server made sure that both are
   numbers and that the sum fits. */
static int64_t sum(const Stated__V1__WriteResponse *response, int64_t delta)
{
    char text[32];
    if (response->n_previous == 0) {
        return delta;
    }
    ProtobufCBinaryData value = response->previous[0]->value;
    snprintf(text, sizeof text, "%.*s", (int)value.len, (const char *)value.data);
    return strtoll(text, NULL, 10) + delta;
}

static void print(const struct ctl *ctl, int64_t value, uint64_t revision)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_RAW);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "value", json_integer(value));
        json_set(object, "revision", json_new_number(revision));
        output_json(object, format);
    } else {
        printf("%" PRId64 "\n", value);
    }
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct cli_arguments arguments;
    Stated__V1__Add add = STATED__V1__ADD__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse *response;

    if (!cli_parse(ctl, &cmd_add, argc, argv, NULL, &arguments) ||
        !ctl_key(ctl, arguments.at[0], &add.key) ||
        !parse_number(arguments.n == 2 ? arguments.at[1] : "1", &add.delta)) {
        return EXIT_USAGE;
    }
    mutation.kind_case = STATED__V1__MUTATION__KIND_ADD;
    mutation.add = &add;
    request.mutations = &mutations;
    request.n_mutations = 1;
    request.return_previous = true;
    int code = write_run(ctl, &request, &response);
    if (code == EXIT_DONE) {
        print(ctl, sum(response, add.delta), response->revision);
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    return code;
}

const struct command cmd_add = {
    .name = "add",
    .arguments = "KEY [DELTA]",
    .summary = "add to a counter and print it",
    .help = "DELTA is a whole number, 1 unless given. A key that is not there counts as 0; one "
            "whose value is not a number is left alone (exit status 73).\n\n"
            "Examples:\n"
            "  statectl add visits\n"
            "  statectl add stock -12\n",
    .takes_negative = true,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
