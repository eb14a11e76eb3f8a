/* One table describes every option: its name as a flag, as a key of the config file and, in
   capitals, as STATED_<NAME>; its unit, bounds and default. The sources are gathered as text first,
   each with where it came from, and converted once, so that one message serves them all. */
#include "options.h"

#include "option_values.h"
#include "paths.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_key {
    KEY_LISTEN,
    KEY_DATA_DIR,
    KEY_DURABILITY,
    KEY_WORKERS,
    KEY_MAX_QUEUE,
    KEY_MAX_MESSAGE,
    KEY_MAX_CONNECTIONS,
    KEY_DEFAULT_TIMEOUT,
    KEY_IDLE_TIMEOUT,
    KEY_SIZE_LIMIT,
    KEY_INLINE_READS,
    KEY_LOG_LEVEL,
    KEY_LOG_FORMAT,
    N_KEYS,
    KEY_CONFIG,
};

struct option_kind {
    const char *name;
    const char *value_name;
    enum option_unit unit;
    uint64_t least, most; /* most 0: not a number */
    const char *default_text;
    const char *help;
};

static const struct option_kind kinds[N_KEYS] = {
    [KEY_LISTEN] = {"listen", "URL", 0, 0, 0, NULL,
                    "Endpoint to serve, ipc://PATH or tcp://HOST:PORT; may be given several times. "
                    "Default: ipc:///run/stated/stated.sock for root, "
                    "ipc://$XDG_RUNTIME_DIR/stated/stated.sock for others"},
    [KEY_DATA_DIR] =
        {"data-dir", "DIR", 0, 0, 0, NULL,
         "Where the state is kept; made when absent. Default: /var/lib/stated for root, "
         "$XDG_STATE_HOME/stated for others"},
    [KEY_DURABILITY] = {"durability", "MODE", 0, 0, 0, "sync",
                        "sync: acknowledged means on disk. relaxed: on disk within 100 ms. "
                        "ephemeral: the state is gone after a stop. Default: sync"},
    [KEY_WORKERS] = {"workers", "N", OPTION_COUNT, 2, 256, "4",
                     "Threads that execute calls. Default: 4"},
    [KEY_MAX_QUEUE] = {"max-queue", "N", OPTION_COUNT, 1, 1 << 20, "4096",
                       "Calls that may wait; more are refused at once. Default: 4096"},
    [KEY_MAX_MESSAGE] = {"max-message", "BYTES", OPTION_BYTES, 4096, 1 << 30, "1m",
                         "Largest request or reply; takes k, m, g. Default: 1m"},
    [KEY_MAX_CONNECTIONS] = {"max-connections", "N", OPTION_COUNT, 1, 1 << 20, "1024",
                             "Connections at a time; more are closed at once. Default: 1024"},
    [KEY_DEFAULT_TIMEOUT] = {"default-timeout", "MS", OPTION_MILLISECONDS, 1, 600000, "5s",
                             "Time a call has that names none; takes ms, s, m. Default: 5s"},
    [KEY_IDLE_TIMEOUT] = {"idle-timeout", "MS", OPTION_MILLISECONDS, 100, 86400000, "5m",
                          "A connection without a completed request for this long is closed. "
                          "Default: 5m"},
    [KEY_SIZE_LIMIT] = {"size-limit", "BYTES", OPTION_BYTES, 1 << 20, UINT64_C(1) << 46, "16g",
                        "Largest data file; writes that would exceed it are refused. Default: 16g"},
    [KEY_INLINE_READS] = {"inline-reads", "on|off", 0, 0, 0, "on",
                          "Whether small reads that need not wait are executed by the thread that "
                          "received them, or by a worker. Default: on"},
    [KEY_LOG_LEVEL] = {"log-level", "L", 0, 0, 0, "info",
                       "debug, info, warn or error. Default: info"},
    [KEY_LOG_FORMAT] = {"log-format", "F", 0, 0, 0, "text", "text or json. Default: text"},
};

/* A value as it was given, and by whom. */
struct setting {
    char *text; /* NULL = not given */
    char source[64];
};

struct settings {
    struct setting values[N_KEYS];
    char *listen[OPTIONS_LISTEN_MAX];
    char listen_source[64];
    size_t n_listen;
    char *config;
    char error[512]; /* "" while all is well */
};

static void complain(struct settings *self, const char *format, ...) STATED_PRINTF(2, 3);

static void complain(struct settings *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (self->error[0] == '\0') {
        vsnprintf(self->error, sizeof(self->error), format, arguments);
    }
    va_end(arguments);
}

static char *copy(struct settings *self, const char *text)
{
    char *result = strdup(text);
    if (result == NULL) {
        complain(self, "out of memory");
    }
    return result;
}

/* An endpoint of the same source joins the others; one of a weaker source does not count. */
static void add_listen(struct settings *self, const char *text, const char *source)
{
    if (self->n_listen > 0 && strcmp(self->listen_source, source) != 0) {
        return;
    }
    if (self->n_listen == OPTIONS_LISTEN_MAX) {
        complain(self, "%s: more than %d endpoints", source, OPTIONS_LISTEN_MAX);
        return;
    }
    snprintf(self->listen_source, sizeof(self->listen_source), "%s", source);
    self->listen[self->n_listen] = copy(self, text);
    self->n_listen += self->listen[self->n_listen] != NULL;
}

/* Sources come in order of strength: the first one to give a value wins. */
static void set(struct settings *self, enum option_key key, const char *text, const char *source)
{
    struct setting *setting = &self->values[key];
    if (key == KEY_LISTEN) {
        add_listen(self, text, source);
    } else if (setting->text == NULL) {
        setting->text = copy(self, text);
        snprintf(setting->source, sizeof(setting->source), "%s", source);
    }
}

/* ---- flags */

static error_t take_flag(int key, char *argument, struct argp_state *state)
{
    struct settings *self = state->input;
    if (key == ARGP_KEY_ARG) {
        argp_error(state, "unexpected argument \"%s\": stated takes only options", argument);
        return EINVAL;
    }
    int index = key - 256;
    if (index == KEY_CONFIG) {
        free(self->config);
        self->config = copy(self, argument);
        return 0;
    }
    if (index < 0 || index >= N_KEYS) {
        return ARGP_ERR_UNKNOWN;
    }
    char source[64];
    snprintf(source, sizeof(source), "--%s", kinds[index].name);
    if (index != KEY_LISTEN) { /* of a flag that is given twice the last one counts */
        free(self->values[index].text);
        self->values[index].text = NULL;
    }
    set(self, (enum option_key)index, argument, source);
    return 0;
}

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    fprintf(stream, "stated %s\n", STATED_VERSION);
}

static const char introduction[] =
    "Serve a state to many processes: every request gets a ticket and takes effect in ticket order."
    "\v"
    "Every option is also a key of the config file (\"workers = 8\") and a variable "
    "(STATED_WORKERS=8; "
    "endpoints of STATED_LISTEN are separated by commas). A flag beats the variable, which beats "
    "the "
    "file, which beats the default.\n\n"
    "SIGINT and SIGTERM stop the server: calls in flight are answered, then it exits with 0. A "
    "second "
    "signal stops it at once.\n\n"
    "Exit status: 0 stopped, 1 could not start or go on, 2 wrong usage.\n\n"
    "Example:\n"
    "  stated --listen tcp://127.0.0.1:7420 --data-dir /tmp/state\n";

static bool read_flags(struct settings *self, int argc, char **argv)
{
    struct argp_option flags[N_KEYS + 2] = {{0}};
    for (int i = 0; i < N_KEYS; i++) {
        flags[i] = (struct argp_option){.name = kinds[i].name,
                                        .key = 256 + i,
                                        .arg = kinds[i].value_name,
                                        .doc = kinds[i].help};
    }
    flags[N_KEYS] =
        (struct argp_option){.name = "config",
                             .key = 256 + KEY_CONFIG,
                             .arg = "FILE",
                             .doc = "Read options from FILE, one \"name = value\" a line"};
    argp_program_version_hook = print_version;
    argp_err_exit_status = 2;
    const struct argp argp = {.options = flags, .parser = take_flag, .doc = introduction};
    return argp_parse(&argp, argc, argv, 0, NULL, self) == 0;
}

/* ---- environment */

static void read_environment(struct settings *self)
{
    for (int i = 0; i < N_KEYS; i++) {
        char name[64] = "STATED_";
        size_t length = strlen(name);
        for (const char *c = kinds[i].name; *c != '\0'; c++) {
            name[length++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        }
        name[length] = '\0';
        const char *text = getenv(name);
        if (text == NULL) {
            continue;
        }
        if (i != KEY_LISTEN) {
            set(self, (enum option_key)i, text, name);
            continue;
        }
        char *urls = copy(self, text);
        char *rest = urls;
        for (char *url = strtok_r(rest, ",", &rest); url != NULL;
             url = strtok_r(NULL, ",", &rest)) {
            add_listen(self, url, name);
        }
        free(urls);
    }
}

/* ---- config file */

static int take_line(void *context, const char *section, const char *name, const char *value)
{
    struct settings *self = context;
    if (section[0] != '\0') {
        complain(self, "the section [%s] is unknown; options stand in no section", section);
        return 0;
    }
    for (int i = 0; i < N_KEYS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            set(self, (enum option_key)i, value, self->config);
            return 1;
        }
    }
    complain(self, "\"%s\" is no option; see stated --help", name);
    return 0;
}

static void read_config(struct settings *self)
{
    if (self->config == NULL && getenv("STATED_CONFIG") != NULL) {
        self->config = copy(self, getenv("STATED_CONFIG"));
    }
    if (self->config == NULL) {
        return;
    }
    errno = 0;
    int line = ini_parse(self->config, take_line, self);
    if (line == -1) {
        complain(self, "cannot read the config file %s: %s", self->config, strerror(errno));
    } else if (line != 0) {
        char why[sizeof(self->error)];
        memcpy(why, self->error, sizeof(why));
        self->error[0] = '\0';
        complain(self, "%s, line %d: %s", self->config, line,
                 why[0] != '\0' ? why : "not of the form \"name = value\"");
    }
}

/* ---- values */

static const char *text_of(const struct settings *self, enum option_key key)
{
    return self->values[key].text != NULL ? self->values[key].text : kinds[key].default_text;
}

static uint64_t number_of(struct settings *self, enum option_key key)
{
    const struct option_kind *kind = &kinds[key];
    uint64_t number = 0;
    if (!option_parse_number(text_of(self, key), kind->unit, &number) || number < kind->least ||
        number > kind->most) {
        complain(self, "%s is \"%s\"; it has to be a number from %llu to %llu%s",
                 self->values[key].source, text_of(self, key), (unsigned long long)kind->least,
                 (unsigned long long)kind->most,
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
    complain(self, "%s is \"%s\"; it has to be sync, relaxed or ephemeral",
             self->values[KEY_DURABILITY].source, text_of(self, KEY_DURABILITY));
    return STORE_SYNC;
}

static bool switch_of(struct settings *self, enum option_key key)
{
    const char *text = text_of(self, key);
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        complain(self, "%s is \"%s\"; it has to be on or off", self->values[key].source, text);
    }
    return strcmp(text, "on") == 0;
}

static void take_log(struct settings *self, struct options *options)
{
    if (!log_level_parse(text_of(self, KEY_LOG_LEVEL), &options->log_level)) {
        complain(self, "%s is \"%s\"; it has to be debug, info, warn or error",
                 self->values[KEY_LOG_LEVEL].source, text_of(self, KEY_LOG_LEVEL));
    }
    if (!log_format_parse(text_of(self, KEY_LOG_FORMAT), &options->log_format)) {
        complain(self, "%s is \"%s\"; it has to be text or json",
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
        add_listen(self, path, "the default endpoint");
    }
    paths_default_data_directory(&environment, path, sizeof(path));
    const char *given = self->values[KEY_DATA_DIR].text;
    if (given != NULL && given[0] == '\0') {
        complain(self, "%s is empty; name a directory", self->values[KEY_DATA_DIR].source);
    }
    options->data_dir = copy(self, given != NULL ? given : path);
    for (size_t i = 0; i < self->n_listen; i++) {
        options->listen[i] = self->listen[i];
        self->listen[i] = NULL;
    }
    options->server.listen = (const char *const *)options->listen;
    options->server.n_listen = self->n_listen;
    options->store.directory = options->data_dir;
}

static void take_values(struct settings *self, struct options *options)
{
    options->server.workers = (uint32_t)number_of(self, KEY_WORKERS);
    options->server.max_queued_calls = (uint32_t)number_of(self, KEY_MAX_QUEUE);
    options->server.max_message_bytes = number_of(self, KEY_MAX_MESSAGE);
    options->server.max_connections = (uint32_t)number_of(self, KEY_MAX_CONNECTIONS);
    options->server.default_timeout_ms = (uint32_t)number_of(self, KEY_DEFAULT_TIMEOUT);
    options->server.idle_timeout_ms = (uint32_t)number_of(self, KEY_IDLE_TIMEOUT);
    options->store.size_limit_bytes = number_of(self, KEY_SIZE_LIMIT);
    options->server.inline_light_reads = switch_of(self, KEY_INLINE_READS);
    options->store.durability = durability_of(self);
    options->store.max_entries = 10000;
    take_log(self, options);
    take_places(self, options);
}

static void settings_deinit(struct settings *self)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        free(self->values[i].text);
    }
    for (size_t i = 0; i < self->n_listen; i++) {
        free(self->listen[i]);
    }
    free(self->config);
}

bool options_read(struct options *self, int argc, char **argv)
{
    struct settings settings = {.n_listen = 0};
    *self = (struct options){.server = STATED_SERVER_OPTIONS_INIT};
    bool understood = read_flags(&settings, argc, argv);
    read_environment(&settings);
    read_config(&settings);
    take_values(&settings, self);
    settings_deinit(&settings);
    if (understood && settings.error[0] == '\0') {
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
