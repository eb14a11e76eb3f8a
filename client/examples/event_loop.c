/* One thread, one poll(2): keys are written as lines "KEY VALUE" come in on standard input, and
   each is confirmed when the server has it. Nothing waits for anything else.

   usage: event_loop [ENDPOINT] */
#include <stated/v1/state.stated-client.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned in_flight;

static void on_written(void *argument, const struct stated_status *status,
                       Stated__V1__WriteResponse *response)
{
    char *key = argument;
    if (response != NULL) {
        printf("%s: revision %" PRIu64 "\n", key, response->revision);
        stated__v1__write_response__free_unpacked(response, NULL);
    } else {
        printf("%s: %s\n", key, status->message);
    }
    fflush(stdout);
    free(key);
    in_flight--;
}

static void put(struct stated_client *client, char *key, char *value)
{
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations[] = {&mutation};
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    struct stated_status status;
    char *kept = strdup(key);
    put.key = (ProtobufCBinaryData){.data = (uint8_t *)key, .len = strlen(key)};
    put.value = (ProtobufCBinaryData){.data = (uint8_t *)value, .len = strlen(value)};
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.n_mutations = 1;
    request.mutations = mutations;
    in_flight++;
    if (stated_v1_state_service_write_async(client, NULL, &request, on_written, kept, &status) !=
        STATED_OK) {
        on_written(kept, &status, NULL);
    }
}

/* False at the end of the input. */
static bool read_line(struct stated_client *client)
{
    char line[1024];
    char key[512];
    char value[512];
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return false;
    }
    if (sscanf(line, "%511s %511s", key, value) == 2) {
        put(client, key, value);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    bool more = true;
    options.endpoint = argc > 1 ? argv[1] : NULL;
    options.dispatch = true;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "%s: %s\n", stated_code_name(status.code), status.message);
        return 1;
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll sees what is left of it */
    while (more || in_flight > 0) {
        struct pollfd watched[] = {{.fd = stated_client_fd(client), .events = POLLIN},
                                   {.fd = more ? STDIN_FILENO : -1, .events = POLLIN}};
        poll(watched, 2, -1);
        if (watched[0].revents != 0) {
            stated_client_dispatch(client, 0);
        }
        if (watched[1].revents != 0) {
            more = read_line(client);
        }
    }
    stated_client_close(client);
    return 0;
}
