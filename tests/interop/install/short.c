#include <stated/kv.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_kv_entry *old = NULL;
    struct stated_status status;
    struct stated_bytes color = stated_text("color"), red = stated_text("red");
    options.endpoint = argv[argc - 1];
    if (stated_client_open(&options, &client, &status) != STATED_OK ||
        stated_kv_put(client, color, stated_text("green"), NULL, NULL, &status) != STATED_OK ||
        stated_kv_get(client, color, NULL, &old, &status) != STATED_OK ||
        stated_kv_compare_and_set(client, color, old->mod_revision, red, NULL, NULL, NULL, &status))
        return fprintf(stderr, "%s\n", status.message), 1;
    printf("%s became red\n", (const char *)old->value.data);
    stated_kv_entry_free(old);
    stated_client_close(client);
}
