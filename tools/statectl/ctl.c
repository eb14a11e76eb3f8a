#include "statectl/ctl.h"

#include "statectl/base64.h"
#include "statectl/cli.h"
#include "statectl/errors.h"

#include "stated/v1/admin.stated-client.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TIMEOUT_MS = 5000, MAX_TIMEOUT_MS = 86400000 };

/* The most that any server can be told to take: its own limit is the one that counts. */
enum { MAX_MESSAGE_BYTES = 1 << 30, USUAL_MESSAGE_BYTES = 1 << 20 };

bool ctl_set_output(struct ctl *self, const char *origin, const char *text)
{
    if (output_format_parse(text, &self->format)) {
        errors_as_json(self->format == OUTPUT_JSON || self->format == OUTPUT_JSONL);
        return true;
    }
    error_say("%s: '%s' is none of auto, json, jsonl, raw, table", origin, text);
    return false;
}

bool ctl_set_timeout(struct ctl *self, const char *origin, const char *text)
{
    uint64_t ms;
    if (!cli_number(origin, text, 1, MAX_TIMEOUT_MS, &ms)) {
        return false;
    }
    self->timeout_ms = (uint32_t)ms;
    return true;
}

bool ctl_set_colours(const char *origin, const char *text)
{
    enum output_colours colours;
    if (!output_colours_parse(text, &colours)) {
        error_say("%s: '%s' is none of auto, always, never", origin, text);
        return false;
    }
    output_set_colours(colours);
    setenv("STATECTL_COLOR", text, 1); /* for the programs that the interactive mode starts */
    return true;
}

int ctl_init(struct ctl *self)
{
    *self = (struct ctl){.format = OUTPUT_AUTO, .timeout_ms = DEFAULT_TIMEOUT_MS};
    stated_default_endpoint(self->default_endpoint, sizeof self->default_endpoint);
    const char *endpoint = getenv("STATECTL_ENDPOINT");
    const char *output = getenv("STATECTL_OUTPUT");
    const char *timeout = getenv("STATECTL_TIMEOUT");
    const char *colours = getenv("STATECTL_COLOR");
    self->endpoint = endpoint != NULL && endpoint[0] != '\0' ? endpoint : self->default_endpoint;
    if ((output != NULL && !ctl_set_output(self, "STATECTL_OUTPUT", output)) ||
        (timeout != NULL && !ctl_set_timeout(self, "STATECTL_TIMEOUT", timeout)) ||
        (colours != NULL && !ctl_set_colours("STATECTL_COLOR", colours))) {
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

void ctl_deinit(struct ctl *self)
{
    stated_client_close(self->client);
    self->client = NULL;
}

enum stated_code ctl_open(const struct ctl *self, uint32_t timeout_ms,
                          struct stated_client **client, struct stated_status *status)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.endpoint = self->endpoint;
    options.connect_timeout_ms = timeout_ms;
    options.timeout_ms = timeout_ms;
    options.max_message_bytes = MAX_MESSAGE_BYTES;
    return stated_client_open(&options, client, status);
}

int ctl_open_error(const struct stated_status *status)
{
    return status->code == STATED_INVALID_ARGUMENT ? error_usage("%s", status->message)
                                                   : error_call(status);
}

int ctl_connect(struct ctl *self)
{
    struct stated_status status;
    if (self->client != NULL ||
        ctl_open(self, self->timeout_ms, &self->client, &status) == STATED_OK) {
        return EXIT_DONE;
    }
    return ctl_open_error(&status);
}

uint64_t ctl_message_limit(struct stated_client *client)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *server;
    uint64_t limit = USUAL_MESSAGE_BYTES;
    if (stated_v1_admin_service_status(client, NULL, &request, &server, NULL) != STATED_OK) {
        return limit;
    }
    if (server->limits != NULL && server->limits->max_message_bytes > 0) {
        limit = server->limits->max_message_bytes;
    }
    stated__v1__status_response__free_unpacked(server, NULL);
    return limit;
}

bool ctl_key(const struct ctl *self, char *argument, ProtobufCBinaryData *key)
{
    key->data = (uint8_t *)argument;
    key->len = strlen(argument);
    if (!self->keys_in_base64) {
        return true;
    }
    if (!base64_decode(argument, key->len, key->data, &key->len)) {
        error_say("key '%s' is not base64, which --base64 says it is", argument);
        return false;
    }
    return true;
}
