/* What every command of statectl works with: the global options and the connection. */
#ifndef STATED_STATECTL_CTL_H
#define STATED_STATECTL_CTL_H

#include "statectl/output.h"

#include "stated/client.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

/* One per process, of the main thread. */
struct ctl {
    const char *endpoint; /* never NULL once the options are parsed */
    char default_endpoint[4096];
    enum output_format format;
    uint32_t timeout_ms;
    bool keys_in_base64;
    struct stated_client *client; /* NULL until ctl_connect */
};

/* Defaults, then the environment: STATECTL_ENDPOINT, STATECTL_OUTPUT, STATECTL_TIMEOUT,
   STATECTL_COLOR. EXIT_DONE, or EXIT_USAGE after saying which one is wrong. */
int ctl_init(struct ctl *self) STATED_MUST_USE;

/* Ends the connection, if there is one. */
void ctl_deinit(struct ctl *self);

/* Opens another connection with the same options; *client is the caller's to close. Waits at most
   timeout_ms. */
enum stated_code ctl_open(const struct ctl *self, uint32_t timeout_ms,
                          struct stated_client **client,
                          struct stated_status *status) STATED_MUST_USE;

/* Says why that failed; returns the exit code that stands for it. Nobody was asked yet when the
   endpoint is none: that is wrong usage. */
int ctl_open_error(const struct stated_status *status);

/* Connects unless it is connected. EXIT_DONE, or the exit code after saying why not. Blocks up to
   the timeout. */
int ctl_connect(struct ctl *self) STATED_MUST_USE;

/* Bytes that a message to the server may have, as it says itself; a guess when it does not say.
   Blocks up to the timeout. */
uint64_t ctl_message_limit(struct stated_client *client);

/* The key that an argument stands for; with --base64 it is decoded in place. False after saying
   what is wrong with it. */
bool ctl_key(const struct ctl *self, char *argument, ProtobufCBinaryData *key) STATED_MUST_USE;

/* A global option's value by its name, wherever it was given. False after saying what is wrong. */
bool ctl_set_output(struct ctl *self, const char *origin, const char *text) STATED_MUST_USE;
bool ctl_set_timeout(struct ctl *self, const char *origin, const char *text) STATED_MUST_USE;
bool ctl_set_colours(const char *origin, const char *text) STATED_MUST_USE;

#endif
