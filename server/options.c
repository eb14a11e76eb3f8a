/* One table (option_settings.c) describes every option. Its value arrives as text, with where it
   came from, and is converted here, so that one message serves every source. */
#include "options.h"

#include "option_settings.h"
#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const struct settings *self, enum option_key key)
{
    return self->values[key].text != NULL ? self->values[key].text : option_kinds[key].default_text;
}

static uint64_t number_of(struct settings *self, enum option_key key)
{
    const struct option_kind *kind = &option_kinds[key];
    uint64_t number = 0;
    if (!option_parse_number(text_of(self, key), kind->unit, &number) || number < kind->least ||
        number > kind->most) {
        settings_complain(self, "%s is \"%s\"; it has to be a number from %llu to %llu%s",
                          self->values[key].source, text_of(self, key),
                          (unsigned long long)kind->least, (unsigned long long)kind->most,
                          kind->unit == OPTION_MILLISECONDS ? " (milliseconds)" : "");
    }
    return number;
}

static enum store_durability durability_of(struct settings *self)
{
    static const char *const names[] = {
        [STORE_SYNC] = "sync", [STORE_RELAXED] = "relaxed", [STORE_EPHEMERAL] = "ephemeral"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text_of(self, KEY_DURABILITY)) == 0) {
            return (enum store_durability)i;
        }
    }
    settings_complain(self, "%s is \"%s\"; it has to be sync, relaxed or ephemeral",
                      self->values[KEY_DURABILITY].source, text_of(self, KEY_DURABILITY));
    return STORE_SYNC;
}

static bool switch_of(struct settings *self, enum option_key key)
{
    const char *text = text_of(self, key);
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        settings_complain(self, "%s is \"%s\"; it has to be on or off", self->values[key].source,
                          text);
    }
    return strcmp(text, "on") == 0;
}

static void take_log(struct settings *self, struct options *options)
{
    if (!log_level_parse(text_of(self, KEY_LOG_LEVEL), &options->log_level)) {
        settings_complain(self, "%s is \"%s\"; it has to be debug, info, warn or error",
                          self->values[KEY_LOG_LEVEL].source, text_of(self, KEY_LOG_LEVEL));
    }
    if (!log_format_parse(text_of(self, KEY_LOG_FORMAT), &options->log_format)) {
        settings_complain(self, "%s is \"%s\"; it has to be text or json",
                          self->values[KEY_LOG_FORMAT].source, text_of(self, KEY_LOG_FORMAT));
    }
}

static void take_places(struct settings *self, struct options *options)
{
    struct paths_environment environment;
    char path[PATHS_BYTES];
    paths_read_environment(&environment);
    if (self->n_listen == 0) {
        paths_default_endpoint(&environment, path, sizeof(path));
        settings_add_listen(self, path, "the default endpoint");
    }
    paths_default_data_directory(&environment, path, sizeof(path));
    const char *given = self->values[KEY_DATA_DIR].text;
    if (given != NULL && given[0] == '\0') {
        settings_complain(self, "%s is empty; name a directory", self->values[KEY_DATA_DIR].source);
    }
    options->data_dir = settings_copy(self, given != NULL ? given : path);
    for (size_t i = 0; i < self->n_listen; i++) {
        options->listen[i] = self->listen[i];
        self->listen[i] = NULL;
    }
    options->server.listen = (const char *const *)options->listen;
    options->server.n_listen = self->n_listen;
    options->store.directory = options->data_dir;
}

/* What was asked for is what is kept, or it is refused; only the default gives way. */
static uint64_t retention_bytes_of(struct settings *self, uint64_t size_limit_bytes)
{
    uint64_t bytes = number_of(self, KEY_RETENTION_BYTES);
    uint64_t most = size_limit_bytes / LMDB_STORE_LOG_SHARE;
    if (self->values[KEY_RETENTION_BYTES].text != NULL && bytes > most) {
        settings_complain(self,
                          "%s is \"%s\"; it has to be at most a quarter of the size limit, %llu "
                          "bytes; lower it, or raise size-limit",
                          self->values[KEY_RETENTION_BYTES].source,
                          text_of(self, KEY_RETENTION_BYTES), (unsigned long long)most);
    }
    return bytes;
}

static void take_store(struct settings *self, struct lmdb_store_options *options)
{
    options->size_limit_bytes = number_of(self, KEY_SIZE_LIMIT);
    options->durability = durability_of(self);
    options->max_entries = 10000;
    options->max_changes = number_of(self, KEY_RETENTION_REVISIONS);
    options->max_change_bytes = retention_bytes_of(self, options->size_limit_bytes);
    options->max_clients = number_of(self, KEY_REMEMBER_CLIENTS);
    options->max_client_answers = number_of(self, KEY_REMEMBER_WRITES);
}

static void take_values(struct settings *self, struct options *options)
{
    options->server.workers = (uint32_t)number_of(self, KEY_WORKERS);
    options->server.max_queued_calls = (uint32_t)number_of(self, KEY_MAX_QUEUE);
    options->server.max_message_bytes = number_of(self, KEY_MAX_MESSAGE);
    if (options->server.max_queued_bytes < options->server.max_message_bytes) {
        options->server.max_queued_bytes = options->server.max_message_bytes;
    }
    options->server.max_connections = (uint32_t)number_of(self, KEY_MAX_CONNECTIONS);
    options->server.max_parked_calls = (uint32_t)number_of(self, KEY_MAX_PARKED);
    options->server.max_parked_calls_per_connection =
        (uint32_t)number_of(self, KEY_MAX_PARKED_PER_CONNECTION);
    options->server.default_timeout_ms = (uint32_t)number_of(self, KEY_DEFAULT_TIMEOUT);
    options->server.idle_timeout_ms = (uint32_t)number_of(self, KEY_IDLE_TIMEOUT);
    options->server.inline_light_reads = switch_of(self, KEY_INLINE_READS);
    take_store(self, &options->store);
    take_log(self, options);
    take_places(self, options);
}

bool options_read(struct options *self, int argc, char **argv)
{
    struct settings settings = {.n_listen = 0};
    *self = (struct options){.server = STATED_SERVER_OPTIONS_INIT};
    settings_read(&settings, argc, argv);
    take_values(&settings, self);
    settings_deinit(&settings);
    if (settings.error[0] == '\0') {
        return true;
    }
    fprintf(stderr, "stated: %s\n", settings.error);
    options_deinit(self);
    return false;
}

void options_deinit(struct options *self)
{
    for (size_t i = 0; i < OPTIONS_LISTEN_MAX; i++) {
        free(self->listen[i]);
    }
    free(self->data_dir);
}
