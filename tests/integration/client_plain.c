/* Writes to a service whose server keeps no record of sequences.

   usage: client_plain ENDPOINT WAIT_MS

   Three writes that take WAIT_MS each; prints how each ended, how often it was sent, with which
   sequence, and what the server has counted. */
#include "busy.stated-client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void change(struct stated_client *client, uint32_t wait_ms)
{
    Busy__V1__BusyRequest request = BUSY__V1__BUSY_REQUEST__INIT;
    Busy__V1__BusyResponse *response;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    struct stated_call_info info = STATED_CALL_INFO_INIT;
    options.info = &info;
    request.wait_us = wait_ms * 1000;
    enum stated_code code = busy_v1_busy_change(client, &options, &request, &response, NULL);
    printf("%s, sent %" PRIu32 " times with %" PRIu64 ", %" PRIu64 "\n", stated_code_name(code),
           info.tries, info.sequence, response == NULL ? 0 : response->changes);
    if (response != NULL) {
        busy__v1__busy_response__free_unpacked(response, NULL);
    }
}

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 3) {
        fprintf(stderr, "usage: client_plain ENDPOINT WAIT_MS\n");
        return 2;
    }
    options.endpoint = argv[1];
    options.timeout_ms = 20000;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "%s\n", status.message);
        return 1;
    }
    for (int i = 0; i < 3; i++) {
        change(client, (uint32_t)strtoul(argv[2], NULL, 10));
    }
    stated_client_close(client);
    return 0;
}
