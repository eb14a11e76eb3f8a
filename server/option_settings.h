/* Where the values of options come from: flags, the environment, a config file. As text, each with
   its source; options.c converts them. */
#ifndef STATED_SERVER_OPTION_SETTINGS_H
#define STATED_SERVER_OPTION_SETTINGS_H

#include "option_values.h"

#include "stated/status.h"

#include <stddef.h>
#include <stdint.h>

#define OPTIONS_LISTEN_MAX 16

enum option_key {
    KEY_LISTEN,
    KEY_DATA_DIR,
    KEY_DURABILITY,
    KEY_WORKERS,
    KEY_MAX_QUEUE,
    KEY_MAX_MESSAGE,
    KEY_MAX_CONNECTIONS,
    KEY_MAX_PARKED,
    KEY_MAX_PARKED_PER_CONNECTION,
    KEY_DEFAULT_TIMEOUT,
    KEY_IDLE_TIMEOUT,
    KEY_SIZE_LIMIT,
    KEY_RETENTION_REVISIONS,
    KEY_RETENTION_BYTES,
    KEY_REMEMBER_CLIENTS,
    KEY_REMEMBER_WRITES,
    KEY_INLINE_READS,
    KEY_LOG_LEVEL,
    KEY_LOG_FORMAT,
    N_KEYS,
    KEY_CONFIG,
};

/* What is known of an option; its name is a flag, a key of the config file and, in capitals,
   STATED_<NAME>. */
struct option_kind {
    const char *name;
    const char *value_name;
    enum option_unit unit;
    uint64_t least, most; /* most 0: not a number */
    const char *default_text;
    const char *help;
};

/* By option_key. */
extern const struct option_kind option_kinds[N_KEYS];

/* A value as it was given, and by whom. */
struct setting {
    char *text; /* NULL = not given */
    char source[160];
};

/* All that was given. Zeroed before settings_read. */
struct settings {
    struct setting values[N_KEYS];
    char *listen[OPTIONS_LISTEN_MAX];
    char listen_source[160];
    size_t n_listen;
    char *config;
    char error[512]; /* "" while all is well */
};

/* Gathers all sources, strongest first. What is wrong is noted in self->error, and the first
   mistake counts; --help, --version and unknown flags end the process. argv may be reordered. */
void settings_read(struct settings *self, int argc, char **argv);

/* Notes a mistake (printf style), unless one is noted already. */
void settings_complain(struct settings *self, const char *format, ...) STATED_PRINTF(2, 3);

/* A copy for the heap; NULL, and a complaint, when memory is out. */
char *settings_copy(struct settings *self, const char *text);

/* Adds an endpoint. One of a weaker source than those there are does not count. */
void settings_add_listen(struct settings *self, const char *text, const char *source);

/* Frees what was gathered and not taken. */
void settings_deinit(struct settings *self);

#endif
