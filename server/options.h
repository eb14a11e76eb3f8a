/* The options of the `stated` program: from flags, the environment, a config file and defaults. */
#ifndef STATED_SERVER_OPTIONS_H
#define STATED_SERVER_OPTIONS_H

#include "base/log.h"
#include "engine/lmdb_store.h"
#include "option_settings.h"

#include "stated/server.h"

#include <stdbool.h>

/* What the program runs with. Strings are its own, until options_deinit. */
struct options {
    struct stated_server_options server; /* listen points at `listen` */
    struct lmdb_store_options store;     /* directory points at `data_dir` */
    enum log_level log_level;
    enum log_format log_format;
    char *listen[OPTIONS_LISTEN_MAX];
    char *data_dir;
};

/* Reads all four sources: a flag beats the environment (STATED_<NAME>), which beats the config
   file, which beats the default. False when one is wrong: then it has said so on standard error and
   nothing is left to deinit. --help, --version and unknown flags end the process. Before threads
   start. */
bool options_read(struct options *self, int argc, char **argv) STATED_MUST_USE;

/* Frees what options_read allocated. */
void options_deinit(struct options *self);

#endif
