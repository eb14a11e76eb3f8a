/* txn: several changes in one write, on conditions. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/memory.h"
#include "statectl/message_json.h"
#include "statectl/message_parse.h"
#include "statectl/txn_text.h"
#include "statectl/value.h"
#include "statectl/write.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct txn_options {
    const char *file; /* with the statements; NULL = they are arguments, or standard input */
};

static const struct argp_option options[] = {
    {"file", 'f', "FILE", 0, "The statements are the content of FILE", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct txn_options *self = state->input;
    if (key != 'f') {
        return ARGP_ERR_UNKNOWN;
    }
    self->file = text;
    return 0;
}

/* The arguments as lines. To free. */
static char *join(const struct cli_arguments *arguments)
{
    char *text = NULL;
    size_t size;
    FILE *out = memory_check(open_memstream(&text, &size));
    for (int i = 0; i < arguments->n; i++) {
        fprintf(out, "%s%s", i > 0 ? "\n" : "", arguments->at[i]);
    }
    memory_check(fclose(out) == 0 ? text : NULL);
    return text;
}

static int write_it(struct ctl *ctl, const Stated__V1__WriteRequest *request)
{
    Stated__V1__WriteResponse *response;
    int code = write_try(ctl, request, &response);
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (response != NULL) {
        if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
            output_json(message_json(&response->base), format);
        } else if (code == EXIT_DONE) {
            write_print(ctl, response, -1);
        }
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    return code;
}

/* What starts with a brace is JSON: no statement does. */
static bool is_json(ProtobufCBinaryData text)
{
    size_t at = 0;
    while (at < text.len && isspace(text.data[at])) {
        at++;
    }
    return at < text.len && text.data[at] == '{';
}

static int run_text(struct ctl *ctl, ProtobufCBinaryData text)
{
    Stated__V1__WriteRequest *request = NULL;
    ProtobufCMessage *message;
    char problem[MESSAGE_PROBLEM_BYTES];
    int code = EXIT_DONE;
    if (!is_json(text)) {
        code = txn_text_parse(ctl, text, &request);
    } else if (message_parse_text(&stated__v1__write_request__descriptor, text, &message,
                                  problem)) {
        request = (Stated__V1__WriteRequest *)message;
    } else {
        code = error_usage("txn: %s", problem);
    }
    if (code == EXIT_DONE) {
        code = write_it(ctl, request);
    }
    stated__v1__write_request__free_unpacked(request, NULL);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct txn_options self = {.file = NULL};
    struct cli_arguments arguments;
    struct value value;
    if (!cli_parse(ctl, &cmd_txn, argc, argv, &self, &arguments)) {
        return EXIT_USAGE;
    }
    if (arguments.n > 0 && self.file != NULL) {
        return error_usage("txn: the statements are either arguments or the content of %s, not "
                           "both",
                           self.file);
    }
    if (ctl->keys_in_base64) {
        return error_usage("txn: --base64 is for keys among the arguments; in a statement bytes "
                           "are written \"\\xff\"");
    }
    char *joined = arguments.n > 0 ? join(&arguments) : NULL;
    int code = value_take(&value, ctl, joined, self.file != NULL ? self.file : "-");
    if (code == EXIT_DONE) {
        code = run_text(ctl, value.bytes);
    }
    value_free(&value);
    free(joined);
    return code;
}

const struct command cmd_txn = {
    .name = "txn",
    .arguments = "[STATEMENT...]",
    .summary = "change several keys at once, if guards hold",
    .help = "All guards hold and all changes are made, or nothing is written and the exit status "
            "is 1, after a line for each guard that did not hold. Each argument is a line, or "
            "each line of FILE, or of standard input:\n"
            "\n"
            "  if KEY exists              guards come first\n"
            "  if KEY absent\n"
            "  if KEY = VALUE\n"
            "  if KEY revision N          was the last to change it\n"
            "  if KEY version N           was written N times\n"
            "  put KEY VALUE\n"
            "  del KEY\n"
            "  del --prefix PREFIX\n"
            "  del --range START END      END itself stays; '' = to the last key\n"
            "  add KEY [DELTA]\n"
            "  # a comment\n"
            "\n"
            "Blanks separate words. 'Single quotes' keep everything as it is; in \"double "
            "quotes\" \\n, \\t, \\r, \\0, \\xNN, \\\\ and \\\" mean what they do in C; elsewhere "
            "a backslash takes the next character as it is. VALUE may be -f FILE. What starts "
            "with { is JSON, a WriteRequest as statectl rpc describe Write shows it.\n\n"
            "Examples:\n"
            "  statectl txn 'if stock = 5' 'put stock 4' 'add sold'\n"
            "  statectl txn -f move.txn\n"
            "  printf 'if lock absent\\nput lock \"%s\"\\n' \"$HOSTNAME\" | statectl txn\n"
            "  statectl txn '{\"mutations\":[{\"add\":{\"key\":\"n\",\"delta\":1}}]}'\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = -1,
    .run = run,
};
