/* Sets a key and reads it back.

   usage: get_put [ENDPOINT] */
#include <stated/kv.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_kv_entry *entry;
    struct stated_status status;
    struct stated_bytes color = stated_text("color");
    options.endpoint = argc > 1 ? argv[1] : NULL;
    if (stated_client_open(&options, &client, &status) != STATED_OK ||
        stated_kv_put(client, color, stated_text("green"), NULL, NULL, &status) != STATED_OK ||
        stated_kv_get(client, color, NULL, &entry, &status) != STATED_OK) {
        fprintf(stderr, "%s: %s\n", stated_code_name(status.code), status.message);
        return 1;
    }
    printf("%s\n", (const char *)entry->value.data);
    stated_kv_entry_free(entry);
    stated_client_close(client);
    return 0;
}
