/* rpc: lists, describes and calls the methods of the contract. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/message_json.h"
#include "statectl/message_parse.h"
#include "statectl/methods.h"
#include "statectl/rpc_describe.h"
#include "statectl/table.h"
#include "statectl/value.h"

#include <string.h>

struct rpc_options {
    const char *file; /* with the request; NULL = it is an argument, or empty */
};

static const struct argp_option options[] = {
    {"file", 'f', "FILE", 0, "call: the request is the content of FILE", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct rpc_options *self = state->input;
    if (key != 'f') {
        return ARGP_ERR_UNKNOWN;
    }
    self->file = text;
    return 0;
}

static void print_table(void)
{
    static const char *const headings[] = {"METHOD", "ACCESS", "REQUEST", "RESPONSE"};
    const struct stated_client_method *method;
    struct table table;
    table_init(&table, headings, 4);
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        table_format(&table, "%s", method->name);
        table_format(&table, "%s", methods_access(method->access));
        table_format(&table, "%s", method->request->short_name);
        table_format(&table, "%s", method->response->short_name);
    }
    table_flush(&table);
    table_deinit(&table);
}

static json_t *row_json(const struct stated_client_method *method)
{
    json_t *row = json_new_object();
    json_set(row, "method", json_string(method->name));
    json_set(row, "access", json_string(methods_access(method->access)));
    json_set(row, "request", json_string(method->request->name));
    json_set(row, "response", json_string(method->response->name));
    return row;
}

static int list(const struct ctl *ctl)
{
    const struct stated_client_method *method;
    enum output_format format = output_choose(ctl->format, OUTPUT_RAW);
    json_t *rows = json_new_array();
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        if (format == OUTPUT_RAW) {
            puts(method->name);
        } else if (format == OUTPUT_JSONL) {
            output_json(row_json(method), format);
        } else {
            json_append(rows, row_json(method));
        }
    }
    if (format == OUTPUT_TABLE) {
        print_table();
    } else if (format == OUTPUT_JSON) {
        output_json(json_incref(rows), format);
    }
    json_decref(rows);
    return EXIT_DONE;
}

static int describe(const struct ctl *ctl, const struct stated_client_method *method)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        output_json(rpc_describe_json(method), format);
    } else {
        rpc_describe_print(method);
    }
    return EXIT_DONE;
}

static int send_request(struct ctl *ctl, const struct stated_client_method *method,
                        const ProtobufCMessage *request)
{
    ProtobufCMessage *response;
    struct stated_status status;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    if (stated_client_call(ctl->client, method, NULL, request, &response, &status) != STATED_OK) {
        return error_call(&status);
    }
    enum output_format format = output_choose(ctl->format, OUTPUT_JSONL);
    output_json(message_json(response), format == OUTPUT_JSONL ? OUTPUT_JSONL : OUTPUT_JSON);
    protobuf_c_message_free_unpacked(response, NULL);
    return EXIT_DONE;
}

static int call(struct ctl *ctl, const struct stated_client_method *method, char *given,
                const char *file)
{
    static char nothing[] = "{}";
    ProtobufCMessage *request;
    char problem[MESSAGE_PROBLEM_BYTES];
    struct value value;
    if (given != NULL && file != NULL) {
        return error_usage("rpc call: the request is either '%s' or the content of %s, not both",
                           given, file);
    }
    int code = value_take(&value, ctl, given == NULL && file == NULL ? nothing : given, file);
    if (code == EXIT_DONE && !message_parse_text(method->request, value.bytes, &request, problem)) {
        code = error_usage("the request is no %s: %s; statectl rpc describe %s shows its members",
                           method->request->short_name, problem, strchr(method->name, '/') + 1);
    } else if (code == EXIT_DONE) {
        code = send_request(ctl, method, request);
        protobuf_c_message_free_unpacked(request, NULL);
    }
    value_free(&value);
    return code;
}

/* What comes after list, describe or call. */
static int run_action(struct ctl *ctl, const struct rpc_options *self, char **at, int n)
{
    bool calls = strcmp(at[0], "call") == 0;
    if (!calls && self->file != NULL) {
        return error_usage("rpc %s: only call has a use for --file", at[0]);
    }
    if (strcmp(at[0], "list") == 0) {
        return n == 1 ? list(ctl) : error_usage("rpc list takes no arguments; got '%s'", at[1]);
    }
    if (!calls && strcmp(at[0], "describe") != 0) {
        return error_usage("rpc: '%s' is none of list, describe, call", at[0]);
    }
    if (n == 1) {
        return error_usage("rpc %s needs a method; statectl rpc list names them", at[0]);
    }
    const struct stated_client_method *method = methods_find(at[1]);
    if (method == NULL) {
        return EXIT_USAGE;
    }
    if (calls) {
        return call(ctl, method, n == 3 ? at[2] : NULL, self->file);
    }
    return n == 2 ? describe(ctl, method)
                  : error_usage("rpc describe takes one method; got '%s' too", at[2]);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct rpc_options self = {.file = NULL};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_rpc, argc, argv, &self, &arguments)) {
        return EXIT_USAGE;
    }
    return run_action(ctl, &self, arguments.at, arguments.n);
}

const struct command cmd_rpc = {
    .name = "rpc",
    .arguments = "list|describe|call [METHOD] [REQUEST|-]",
    .summary = "list, describe and call the methods of the contract",
    .help = "A method is named whole, stated.v1.StateService/Read, or by as much of its end as is "
            "its own: Read. The request is JSON, an argument, a file or standard input; none "
            "given is {}. The answer is JSON too. Bytes are text, or base64 in a member whose "
            "name ends with _base64; values of an enum are their names.\n\n"
            "Examples:\n"
            "  statectl rpc list\n"
            "  statectl rpc describe Read\n"
            "  statectl rpc call Status\n"
            "  statectl rpc call Read '{\"select\":[{\"prefix\":\"a/\"}],\"keys_only\":true}'\n"
            "  statectl rpc call Write -f request.json\n",
    .options = options,
    .parser = parse,
    .least_arguments = 1,
    .most_arguments = 3,
    .run = run,
};
