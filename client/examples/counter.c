/* Counts with many threads, each of which compares and sets until it succeeds; none of their counts
   is lost. (For a number alone stated_kv_add does it in one call; this is for values of your own.)

   usage: counter [ENDPOINT] */
#include <stated/kv.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, COUNTS = 50 };

/* What the key holds: how often it was counted, and by whom last. */
static enum stated_kv_change count(void *argument, const struct stated_kv_entry *now,
                                   struct stated_bytes *value)
{
    static _Thread_local char text[64]; /* looked at until stated_kv_update returns */
    const char *name = argument;
    long counted = now == NULL ? 0 : strtol(now->value.data, NULL, 10);
    snprintf(text, sizeof(text), "%ld, last by %s", counted + 1, name);
    *value = stated_text(text);
    return STATED_KV_SET;
}

struct counter {
    struct stated_client *client;
    char name[24];
};

static void *run(void *argument)
{
    struct counter *self = argument;
    struct stated_kv_options options = STATED_KV_OPTIONS_INIT;
    struct stated_status status;
    options.timeout_ms = 60000; /* of each update, however often others come first */
    for (int i = 0; i < COUNTS; i++) {
        if (stated_kv_update(self->client, stated_text("counter"), count, self->name, &options,
                             NULL, &status) != STATED_OK) {
            fprintf(stderr, "%s: %s\n", stated_code_name(status.code), status.message);
            return NULL;
        }
    }
    return self;
}

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client; /* one for all threads */
    struct stated_kv_entry *entry;
    struct stated_status status;
    struct counter counters[THREADS];
    pthread_t threads[THREADS];
    int failed = 0;
    options.endpoint = argc > 1 ? argv[1] : NULL;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "%s\n", status.message);
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        counters[i].client = client;
        snprintf(counters[i].name, sizeof(counters[i].name), "thread %d", i);
        if (pthread_create(&threads[i], NULL, run, &counters[i]) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        failed += result == NULL;
    }
    if (failed == 0 &&
        stated_kv_get(client, stated_text("counter"), NULL, &entry, NULL) == STATED_OK) {
        printf("%s, in %" PRIu64 " writes\n", (const char *)entry->value.data, entry->version);
        stated_kv_entry_free(entry);
    }
    stated_client_close(client);
    return failed > 0;
}
