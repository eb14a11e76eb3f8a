#include "option_settings.h"

#include "config_lines.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option_kind option_kinds[N_KEYS] = {
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
                       "Calls that may wait; more are refused at once. A frame may have as many, "
                       "1024 at most. Default: 4096"},
    [KEY_MAX_MESSAGE] = {"max-message", "BYTES", OPTION_BYTES, 4096, 1 << 30, "1m",
                         "Largest request or reply; takes k, m, g. Default: 1m"},
    [KEY_MAX_CONNECTIONS] = {"max-connections", "N", OPTION_COUNT, 1, 1 << 20, "1024",
                             "Connections at a time; more are closed at once. Default: 1024"},
    [KEY_MAX_PARKED] = {"max-parked", "N", OPTION_COUNT, 0, 1 << 20, "16384",
                        "Watches that may wait at a time; more are refused. Default: 16384"},
    [KEY_MAX_PARKED_PER_CONNECTION] = {"max-parked-per-connection", "N", OPTION_COUNT, 0, 1 << 20,
                                       "4096",
                                       "Watches of one connection that may wait at a time; more "
                                       "are refused. Default: 4096"},
    [KEY_DEFAULT_TIMEOUT] = {"default-timeout", "MS", OPTION_MILLISECONDS, 1, 600000, "5s",
                             "Time a call has that names none; takes ms, s, m. Default: 5s"},
    [KEY_IDLE_TIMEOUT] = {"idle-timeout", "MS", OPTION_MILLISECONDS, 100, 86400000, "5m",
                          "A connection without a completed request for this long is closed. "
                          "Default: 5m"},
    [KEY_SIZE_LIMIT] = {"size-limit", "BYTES", OPTION_BYTES, 1 << 20, UINT64_C(1) << 46, "16g",
                        "Largest data file; writes that would exceed it are refused. Default: 16g"},
    [KEY_RETENTION_REVISIONS] =
        {"retention-revisions", "N", OPTION_COUNT, 1, UINT64_C(1) << 40, "100000",
         "Revisions that the change log keeps, for watch and history. Default: 100000"},
    [KEY_RETENTION_BYTES] =
        {"retention-bytes", "BYTES", OPTION_BYTES, 1 << 16, UINT64_C(1) << 44, "256m",
         "Bytes that the change log may have, a quarter of the size limit at most. Default: 256m, "
         "or that quarter"},
    [KEY_REMEMBER_CLIENTS] =
        {"remember-clients", "N", OPTION_COUNT, 1, 1 << 24, "10000",
         "Clients whose numbered writes are remembered, so that none happens twice; of more, those "
         "that wrote longest ago are forgotten. Default: 10000"},
    [KEY_REMEMBER_WRITES] = {"remember-writes", "N", OPTION_COUNT, 1, 1 << 20, "1024",
                             "Numbered writes of a client that are remembered until it has said "
                             "that it has their answers. Default: 1024"},
    [KEY_INLINE_READS] = {"inline-reads", "on|off", 0, 0, 0, "on",
                          "Whether small reads that need not wait are executed by the thread that "
                          "received them, or by a worker. Default: on"},
    [KEY_LOG_LEVEL] = {"log-level", "L", 0, 0, 0, "info",
                       "debug, info, warn or error. Default: info"},
    [KEY_LOG_FORMAT] = {"log-format", "F", 0, 0, 0, "text", "text or json. Default: text"},
};

void settings_complain(struct settings *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (self->error[0] == '\0') {
        vsnprintf(self->error, sizeof(self->error), format, arguments);
    }
    va_end(arguments);
}

char *settings_copy(struct settings *self, const char *text)
{
    char *result = strdup(text);
    if (result == NULL) {
        settings_complain(self, "out of memory");
    }
    return result;
}

void settings_add_listen(struct settings *self, const char *text, const char *source)
{
    if (self->n_listen > 0 && strcmp(self->listen_source, source) != 0) {
        return;
    }
    if (self->n_listen == OPTIONS_LISTEN_MAX) {
        settings_complain(self, "%s: more than %d endpoints", source, OPTIONS_LISTEN_MAX);
        return;
    }
    snprintf(self->listen_source, sizeof(self->listen_source), "%s", source);
    self->listen[self->n_listen] = settings_copy(self, text);
    self->n_listen += self->listen[self->n_listen] != NULL;
}

/* Sources come in order of strength: the first one to give a value wins. */
static void set(struct settings *self, enum option_key key, const char *text, const char *source)
{
    struct setting *setting = &self->values[key];
    if (key == KEY_LISTEN) {
        settings_add_listen(self, text, source);
    } else if (setting->text == NULL) {
        setting->text = settings_copy(self, text);
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
        self->config = settings_copy(self, argument);
        return 0;
    }
    if (index < 0 || index >= N_KEYS) {
        return ARGP_ERR_UNKNOWN;
    }
    char source[64];
    snprintf(source, sizeof(source), "--%s", option_kinds[index].name);
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

static void read_flags(struct settings *self, int argc, char **argv)
{
    struct argp_option flags[N_KEYS + 2] = {{0}};
    for (int i = 0; i < N_KEYS; i++) {
        flags[i] = (struct argp_option){.name = option_kinds[i].name,
                                        .key = 256 + i,
                                        .arg = option_kinds[i].value_name,
                                        .doc = option_kinds[i].help};
    }
    flags[N_KEYS] =
        (struct argp_option){.name = "config",
                             .key = 256 + KEY_CONFIG,
                             .arg = "FILE",
                             .doc = "Read options from FILE, one \"name = value\" a line"};
    argp_program_version_hook = print_version;
    argp_err_exit_status = 2;
    const struct argp argp = {.options = flags, .parser = take_flag, .doc = introduction};
    if (argp_parse(&argp, argc, argv, 0, NULL, self) != 0) {
        settings_complain(self, "the options cannot be read; see stated --help");
    }
}

/* ---- environment */

static void read_environment(struct settings *self)
{
    for (int i = 0; i < N_KEYS; i++) {
        char name[64] = "STATED_";
        size_t length = strlen(name);
        for (const char *c = option_kinds[i].name; *c != '\0'; c++) {
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
        char *urls = settings_copy(self, text);
        char *rest = urls;
        for (char *url = strtok_r(rest, ",", &rest); url != NULL;
             url = strtok_r(NULL, ",", &rest)) {
            settings_add_listen(self, url, name);
        }
        free(urls);
    }
}

/* ---- config file */

static int take_line(void *context, const char *section, const char *name, const char *value)
{
    struct settings *self = context;
    if (section[0] != '\0') {
        settings_complain(self, "the section [%s] is unknown; options stand in no section",
                          section);
        return 0;
    }
    for (int i = 0; i < N_KEYS; i++) {
        if (strcmp(option_kinds[i].name, name) == 0) {
            char source[sizeof(self->listen_source)];
            snprintf(source, sizeof(source), "%s in %s", name, self->config);
            if (i != KEY_LISTEN && strcmp(self->values[i].source, source) == 0) {
                settings_complain(self, "%s is given twice", name);
                return 0;
            }
            set(self, (enum option_key)i, value, source);
            return 1;
        }
    }
    settings_complain(self, "\"%s\" is no option; see stated --help", name);
    return 0;
}

static void read_config(struct settings *self)
{
    if (self->config == NULL && getenv("STATED_CONFIG") != NULL) {
        self->config = settings_copy(self, getenv("STATED_CONFIG"));
    }
    if (self->config == NULL) {
        return;
    }
    FILE *file = fopen(self->config, "r");
    if (file == NULL) {
        settings_complain(self, "cannot read the config file %s: %s", self->config,
                          strerror(errno));
        return;
    }
    struct config_lines lines = {.file = file};
    int line = ini_parse_stream(config_lines_next, &lines, take_line, self);
    if (ferror(file)) {
        settings_complain(self, "cannot read the config file %s: %s", self->config,
                          strerror(errno));
    } else if (line != 0) {
        char why[sizeof(self->error)];
        memcpy(why, self->error, sizeof(why));
        self->error[0] = '\0';
        settings_complain(self, "%s, line %d: %s", self->config, line,
                          why[0] != '\0' ? why : "not of the form \"name = value\"");
    } else if (lines.mistake != NULL) {
        settings_complain(self, "%s, line %d: %s", self->config, lines.line, lines.mistake);
    }
    fclose(file);
}

void settings_deinit(struct settings *self)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        free(self->values[i].text);
    }
    for (size_t i = 0; i < self->n_listen; i++) {
        free(self->listen[i]);
    }
    free(self->config);
}

void settings_read(struct settings *self, int argc, char **argv)
{
    read_flags(self, argc, argv);
    read_environment(self);
    read_config(self);
}
