/* version: of this program and of the server. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"

#include "stated/v1/admin.stated-client.h"

#include <string.h>

enum { PATIENCE_MS = 1000 };

/* Asks the server, but not for long. NULL and *status when it does not answer. */
static Stated__V1__StatusResponse *ask(struct ctl *ctl, struct stated_status *status)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *response = NULL;
    uint32_t timeout_ms = ctl->timeout_ms < PATIENCE_MS ? ctl->timeout_ms : PATIENCE_MS;
    if (ctl_open(ctl, timeout_ms, &ctl->client, status) != STATED_OK ||
        stated_v1_admin_service_status(ctl->client, NULL, &request, &response, status) !=
            STATED_OK) {
        return NULL;
    }
    return response;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct cli_arguments arguments;
    struct stated_status status;
    if (!cli_parse(ctl, &cmd_version, argc, argv, NULL, &arguments)) {
        return EXIT_USAGE;
    }
    Stated__V1__StatusResponse *server = ask(ctl, &status);
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "statectl", json_string(STATED_VERSION));
        json_set(object, "stated", server != NULL ? json_string(server->version) : json_null());
        output_json(object, format);
    } else if (format == OUTPUT_RAW) {
        printf("%s\n", STATED_VERSION);
    } else {
        printf("statectl %s\n", STATED_VERSION);
        if (server != NULL) {
            printf("stated   %s at %s\n", server->version, ctl->endpoint);
        } else {
            printf("stated   does not answer at %s\n", ctl->endpoint);
        }
    }
    if (server != NULL) {
        stated__v1__status_response__free_unpacked(server, NULL);
    }
    return EXIT_DONE;
}

const struct command cmd_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the versions of statectl and of the server",
    .help = "A server that does not answer within a second is no failure here.\n\n"
            "Examples:\n"
            "  statectl version\n",
    .least_arguments = 0,
    .most_arguments = 0,
    .run = run,
};
