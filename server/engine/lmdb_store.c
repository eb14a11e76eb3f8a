#include "engine/lmdb_engine.h"

#include "engine/errno_status.h"
#include "engine/lmdb_check.h"
#include "engine/lmdb_directory.h"
#include "engine/lmdb_file.h"
#include "engine/lmdb_snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *durability_name(enum store_durability durability)
{
    switch (durability) {
    case STORE_SYNC:
        return "sync";
    case STORE_RELAXED:
        return "relaxed";
    case STORE_EPHEMERAL:
        return "ephemeral";
    }
    return "";
}

static struct lmdb_store *of_store(struct store *store)
{
    return (struct lmdb_store *)store;
}

static void read_status(struct store *store, struct store_status *status)
{
    struct lmdb_store *self = of_store(store);
    int fd;
    struct stat file;
    bool is_known = mdb_env_get_fd(self->env, &fd) == 0 && fstat(fd, &file) == 0;
    bool failed = lmdb_trouble_is_final(self);
    *status = (struct store_status){
        .engine = "lmdb",
        .durability = durability_name(self->durability),
        .directory = self->directory,
        .revision = self->newest.revision,
        .keys = self->newest.keys,
        .file_bytes = is_known ? (uint64_t)file.st_blocks * 512 : 0,
        .size_limit_bytes = self->space.limit_bytes,
        .live_bytes = lmdb_space_live_bytes(&self->space),
        .retention_revisions = self->limits.max_changes,
        .retention_bytes = self->limits.max_change_bytes,
        .remembered_clients = self->limits.max_clients,
        .remembered_writes = self->limits.max_client_answers,
        .oldest_revision = self->newest.oldest_revision,
        .format_version = LMDB_FORMAT_VERSION,
        .failed = failed,
        .failure = failed ? self->failure.text : "",
    };
    lmdb_refusal_read(self, status->refusal, sizeof(status->refusal));
}

static void free_store(struct lmdb_store *self)
{
    pthread_mutex_destroy(&self->failure.mutex);
    pthread_mutex_destroy(&self->shared.mutex);
    free(self->directory);
    free(self);
}

static void close_store(struct store *store)
{
    struct lmdb_store *self = of_store(store);
    lmdb_flusher_stop(self);
    lmdb_run_free_idle(self);
    mdb_env_close(self->env);
    if (self->durability != STORE_EPHEMERAL && !lmdb_trouble_is_final(self)) {
        lmdb_file_seal(self->directory, self->data_path);
    }
    lmdb_directory_unlock(self->lock_fd);
    free(self->data_path);
    free_store(self);
}

static void settle(struct store *store)
{
    lmdb_flusher_stop(of_store(store));
}

static void notify(struct store *store, store_committed committed, void *argument)
{
    struct lmdb_store *self = of_store(store);
    self->committed.call = committed;
    self->committed.argument = argument;
}

static const struct store_ops operations = {
    .capabilities = STORE_CAN_CHANGES | STORE_CAN_EXACTLY_ONCE | STORE_CAN_SNAPSHOT,
    .begin = lmdb_run_begin,
    .apply = lmdb_run_apply,
    .commit = lmdb_run_commit,
    .read_status = read_status,
    .read_changes = lmdb_changes_read,
    .notify = notify,
    .snapshot = lmdb_snapshot_save,
    .check = lmdb_check_store,
    .settle = settle,
    .close = close_store,
};

static enum stated_code check_options(const struct lmdb_store_options *options,
                                      struct stated_status *status)
{
    if (options->size_limit_bytes < LMDB_SPACE_MIN_LIMIT_BYTES ||
        options->size_limit_bytes > SIZE_MAX / 4) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "a size limit of %llu bytes is out of range; at least %llu are "
                                 "needed",
                                 (unsigned long long)options->size_limit_bytes,
                                 (unsigned long long)LMDB_SPACE_MIN_LIMIT_BYTES);
    }
    if (options->max_entries == 0) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "a read's reply must be allowed at least 1 entry, not 0");
    }
    return STATED_OK;
}

/* With the directory locked: the file, its tables, its room. */
static enum stated_code open_contents(struct lmdb_store *self,
                                      const struct lmdb_store_options *options,
                                      struct stated_status *status)
{
    enum stated_code code = lmdb_file_open(options, &self->env, &self->data_path, status);
    if (code != STATED_OK) {
        return code;
    }
    code = lmdb_meta_open(self, status);
    if (code == STATED_OK) {
        code = lmdb_space_init(self, options->size_limit_bytes, status);
    }
    if (code == STATED_OK && options->durability == STORE_RELAXED) {
        code = lmdb_flusher_start(self, status);
    }
    if (code != STATED_OK) {
        mdb_env_close(self->env);
        free(self->data_path);
    }
    return code;
}

static uint64_t or_default(uint64_t given, uint64_t otherwise)
{
    return given != 0 ? given : otherwise;
}

static uint64_t at_most(uint64_t number, uint64_t max)
{
    return number < max ? number : max;
}

static void set_limits(struct lmdb_limits *limits, const struct lmdb_store_options *options)
{
    const uint64_t bytes = options->size_limit_bytes;
    *limits = (struct lmdb_limits){
        .max_entries = options->max_entries,
        .max_changes = or_default(options->max_changes, 100000),
        .max_change_bytes = at_most(or_default(options->max_change_bytes, UINT64_C(256) << 20),
                                    bytes / LMDB_STORE_LOG_SHARE),
        .max_clients = or_default(options->max_clients, 10000),
        .max_client_answers = or_default(options->max_client_answers, 1024),
        .max_answer_bytes =
            at_most(or_default(options->max_answer_bytes, UINT64_C(64) << 20), bytes / 16),
        .max_forgotten = or_default(options->max_forgotten, 100000),
    };
}

static struct lmdb_store *make_store(const struct lmdb_store_options *options)
{
    struct lmdb_store *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->directory = strdup(options->directory);
    if (self->directory == NULL) {
        free(self);
        return NULL;
    }
    self->store.ops = &operations;
    self->durability = options->durability;
    set_limits(&self->limits, options);
    self->exclusive = (struct lmdb_run){.store = self, .mode = STORE_EXCLUSIVE};
    pthread_mutex_init(&self->shared.mutex, NULL);
    pthread_mutex_init(&self->failure.mutex, NULL);
    return self;
}

enum stated_code lmdb_store_open(const struct lmdb_store_options *options, struct store **store,
                                 struct stated_status *status)
{
    *store = NULL;
    enum stated_code code = check_options(options, status);
    if (code != STATED_OK) {
        return code;
    }
    struct lmdb_store *self = make_store(options);
    if (self == NULL) {
        return errno_status_set(status, ENOMEM, options->directory);
    }
    code = lmdb_directory_make(options->directory, status);
    if (code != STATED_OK) {
        goto free_self;
    }
    code = lmdb_directory_lock(options->directory, &self->lock_fd, status);
    if (code != STATED_OK) {
        goto free_self;
    }
    code = open_contents(self, options, status);
    if (code != STATED_OK) {
        goto unlock;
    }
    lmdb_file_unseal(options->directory);
    *store = &self->store;
    return STATED_OK;

unlock:
    lmdb_directory_unlock(self->lock_fd);
free_self:
    free_store(self);
    return code;
}
