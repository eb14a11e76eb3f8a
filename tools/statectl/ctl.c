#include "statectl/ctl.h"

#include "statectl/base64.h"
#include "statectl/cli.h"
#include "statectl/errors.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TIMEOUT_MS = 5000, MAX_TIMEOUT_MS = 86400000 };

bool ctl_set_output(struct ctl *self, const char *origin, const char *text)
{
    if (output_format_parse(text, &self->format)) {
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

bool ctl_set_max_message(struct ctl *self, const char *origin, const char *text)
{
    return cli_number(origin, text, 4096, 1u << 30, &self->max_message_bytes);
}

int ctl_init(struct ctl *self)
{
    *self = (struct ctl){
        .format = OUTPUT_AUTO, .timeout_ms = DEFAULT_TIMEOUT_MS, .max_message_bytes = 1u << 20};
    stated_default_endpoint(self->default_endpoint, sizeof self->default_endpoint);
    const char *endpoint = getenv("STATECTL_ENDPOINT");
    const char *output = getenv("STATECTL_OUTPUT");
    const char *timeout = getenv("STATECTL_TIMEOUT");
    const char *max_message = getenv("STATECTL_MAX_MESSAGE");
    self->endpoint = endpoint != NULL && endpoint[0] != '\0' ? endpoint : self->default_endpoint;
    if ((output != NULL && !ctl_set_output(self, "STATECTL_OUTPUT", output)) ||
        (timeout != NULL && !ctl_set_timeout(self, "STATECTL_TIMEOUT", timeout)) ||
        (max_message != NULL && !ctl_set_max_message(self, "STATECTL_MAX_MESSAGE", max_message))) {
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
    options.max_message_bytes = self->max_message_bytes;
    return stated_client_open(&options, client, status);
}

int ctl_connect(struct ctl *self)
{
    struct stated_status status;
    if (self->client != NULL ||
        ctl_open(self, self->timeout_ms, &self->client, &status) == STATED_OK) {
        return EXIT_DONE;
    }
    return error_call(&status);
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
