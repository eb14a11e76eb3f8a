/* Prints every change under a prefix, until standard input ends. Stop and start the server
   meanwhile: no change is missed.

   usage: watch ENDPOINT PREFIX */
#include <stated/kv.h>

#include <inttypes.h>
#include <stdio.h>

static void on_events(void *argument, const struct stated_kv_event *events, size_t n)
{
    (void)argument;
    for (size_t i = 0; i < n; i++) {
        const struct stated_kv_entry *entry = events[i].entry;
        printf("%" PRIu64 " %s %s%s\n", entry->mod_revision, (const char *)entry->key.data,
               events[i].deleted ? "deleted" : "= ",
               events[i].deleted ? "" : (const char *)entry->value.data);
    }
    fflush(stdout);
}

static void on_end(void *argument, const struct stated_status *status)
{
    (void)argument;
    fprintf(stderr, "the watch has ended: %s\n", status->message);
}

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_kv_watch_options watching = STATED_KV_WATCH_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_kv_watch *watch;
    struct stated_status status;
    if (argc != 3) {
        fprintf(stderr, "usage: watch ENDPOINT PREFIX\n");
        return 2;
    }
    struct stated_kv_range range = stated_kv_prefix(argv[2]);
    options.endpoint = argv[1];
    watching.on_end = on_end;
    if (stated_client_open(&options, &client, &status) != STATED_OK ||
        stated_kv_watch_start(client, &range, &watching, on_events, NULL, &watch, &status) !=
            STATED_OK) {
        fprintf(stderr, "%s: %s\n", stated_code_name(status.code), status.message);
        return 1;
    }
    printf("watching\n");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    printf("the next revision is %" PRIu64 "\n", stated_kv_watch_revision(watch));
    stated_kv_watch_stop(watch);
    stated_client_close(client);
    return 0;
}
