/* A program outside the project's tree: writes a key, reads it back and prints it.

   usage: client ENDPOINT */
#include <stated/client.h>
#include <stated/v1/state.stated-client.h>

#include <stdio.h>
#include <string.h>

static ProtobufCBinaryData bytes(char *text)
{
    ProtobufCBinaryData data = {strlen(text), (uint8_t *)text};
    return data;
}

static int write_key(struct stated_client *client, char *key, char *value)
{
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse *response;
    struct stated_status status;
    put.key = bytes(key);
    put.value = bytes(value);
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.mutations = &mutations;
    request.n_mutations = 1;
    if (stated_v1_state_service_write(client, NULL, &request, &response, &status) != STATED_OK) {
        fprintf(stderr, "%s: %s\n", stated_code_name(status.code), status.message);
        return 1;
    }
    stated__v1__write_response__free_unpacked(response, NULL);
    return 0;
}

static int print_key(struct stated_client *client, char *key)
{
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *select = &selector;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__ReadResponse *response;
    struct stated_status status;
    selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    selector.key = bytes(key);
    request.select = &select;
    request.n_select = 1;
    if (stated_v1_state_service_read(client, NULL, &request, &response, &status) != STATED_OK) {
        fprintf(stderr, "%s: %s\n", stated_code_name(status.code), status.message);
        return 1;
    }
    for (size_t i = 0; i < response->n_entries; i++) {
        printf("%.*s\n", (int)response->entries[i]->value.len,
               (char *)response->entries[i]->value.data);
    }
    stated__v1__read_response__free_unpacked(response, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    char key[] = "greeting";
    char value[] = "hello from outside";
    options.endpoint = argc == 2 ? argv[1] : NULL;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "%s\n", status.message);
        return 1;
    }
    int result = write_key(client, key, value) != 0 || print_key(client, key) != 0;
    stated_client_close(client);
    return result;
}
