#include "engine/lmdb_check.h"

#include "engine/errno_status.h"
#include "engine/lmdb_header.h"
#include "engine/lmdb_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* While the server commits, the header may change between two looks; this often, it does not. */
enum { MAX_LOOKS = 1000 };

bool lmdb_check_find(struct lmdb_check *self, const char *format, ...)
{
    char finding[STATED_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding, sizeof(finding), format, arguments);
    va_end(arguments);
    self->code =
        stated_status_set(self->status, STATED_DATA_LOSS, "%s is damaged: %s", self->path, finding);
    return false;
}

bool lmdb_check_stop(struct lmdb_check *self, int code)
{
    if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == LMDB_RECORD_DAMAGED) {
        return lmdb_check_find(
            self, "%s", code == LMDB_RECORD_DAMAGED ? "a record is damaged" : mdb_strerror(code));
    }
    self->code = errno_status_set(self->status, code, self->path);
    return false;
}

bool lmdb_check_step(struct lmdb_check *self)
{
    return lmdb_task_step(self->task, 1) || lmdb_check_stop(self, LMDB_TASK_STOPPED);
}

static uint64_t count_steps(const struct lmdb_check *self)
{
    const MDB_dbi tables[] = {self->tables->state, self->tables->changes, self->tables->calls};
    uint64_t steps = 0;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        MDB_stat stat;
        steps += mdb_stat(self->txn, tables[i], &stat) == 0 ? stat.ms_entries : 0;
    }
    return steps;
}

static int read_totals(struct lmdb_check *self, struct store_contents *contents)
{
    MDB_stat stat;
    int rc = lmdb_meta_get_totals(self->txn, self->tables->meta, &self->totals);
    if (rc == 0) {
        rc = mdb_stat(self->txn, self->tables->state, &stat);
    }
    if (rc == 0) {
        rc = lmdb_changes_oldest(self->txn, self->tables->changes, self->totals.revision,
                                 &self->oldest_revision);
    }
    if (rc == 0) {
        *contents = (struct store_contents){.revision = self->totals.revision,
                                            .keys = stat.ms_entries,
                                            .oldest_revision = self->oldest_revision,
                                            .stored_replies = self->totals.answers};
    }
    return rc;
}

enum stated_code lmdb_check_contents(MDB_txn *txn, const struct lmdb_tables *tables,
                                     const char *path, struct lmdb_task *task,
                                     struct store_contents *contents, struct stated_status *status)
{
    struct lmdb_check self = {
        .txn = txn, .tables = tables, .path = path, .task = task, .status = status};
    lmdb_task_phase(task, 1000, count_steps(&self));
    int rc = read_totals(&self, contents);
    if (rc == LMDB_RECORD_DAMAGED) {
        lmdb_check_find(&self, "its header does not go with its contents");
    } else if (rc != 0) {
        lmdb_check_stop(&self, rc);
    } else if (lmdb_check_state_and_log(&self)) {
        (void)lmdb_check_calls(&self);
    }
    return self.code;
}

/* The file's header as the transaction has it. */
static enum stated_code read_header_of(MDB_txn *txn, int fd, const char *path,
                                       struct lmdb_header *header, struct stated_status *status)
{
    enum stated_code code = STATED_OK;
    for (int i = 0; i < MAX_LOOKS; i++) {
        mdb_txn_reset(txn);
        int rc = mdb_txn_renew(txn);
        if (rc != 0) {
            return errno_status_set(status, rc, path);
        }
        code = lmdb_header_read_fd(fd, path, header, status);
        if (code == STATED_OK && header->transaction == mdb_txn_id(txn)) {
            return STATED_OK;
        }
    }
    return code != STATED_OK
               ? code
               : stated_status_set(status, STATED_UNAVAILABLE,
                                   "%s changes too fast to be checked; try again", path);
}

static enum stated_code check_all(struct lmdb_store *self, MDB_txn *txn, int fd,
                                  struct lmdb_task *task, struct store_contents *contents,
                                  struct stated_status *status)
{
    struct lmdb_header header = {0};
    struct stat file;
    enum stated_code code = read_header_of(txn, fd, self->data_path, &header, status);
    if (code == STATED_OK) {
        lmdb_task_phase(task, 500, header.last_page);
        code = lmdb_pages_check(fd, self->data_path, &header, LMDB_PAGES_ALL, task, status);
    }
    if (code == STATED_OK) {
        code = lmdb_check_contents(txn, &self->tables, self->data_path, task, contents, status);
    }
    contents->file_bytes = fstat(fd, &file) == 0 ? (uint64_t)file.st_blocks * 512 : 0;
    return code;
}

enum stated_code lmdb_check_store(struct store *store, const struct store_task *asker,
                                  struct store_contents *contents, struct stated_status *status)
{
    struct lmdb_store *self = (struct lmdb_store *)store;
    int fd = -1;
    MDB_txn *txn = NULL;
    struct lmdb_task task;
    lmdb_task_init(&task, asker);
    *contents = (struct store_contents){0};
    int rc = mdb_env_get_fd(self->env, &fd);
    if (rc == 0) {
        rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn);
    }
    if (rc != 0) {
        return errno_status_set(status, rc, self->data_path);
    }
    enum stated_code code = check_all(self, txn, fd, &task, contents, status);
    mdb_txn_abort(txn);
    return code;
}

/* Opens the file by itself, for reading; its pages have been checked. */
static enum stated_code open_for_reading(const char *path, const struct lmdb_header *header,
                                         MDB_env **env, struct stated_status *status)
{
    enum { MAX_TABLES = 8 };
    int rc = mdb_env_create(env);
    if (rc != 0) {
        return errno_status_set(status, rc, path);
    }
    (void)mdb_env_set_maxdbs(*env, MAX_TABLES);
    size_t bytes = (size_t)lmdb_space_map_bytes((header->last_page + 1) * header->page_bytes, 0);
    rc = mdb_env_set_mapsize(*env, bytes);
    if (rc == 0) {
        rc = mdb_env_open(*env, path, MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR | MDB_NOTLS, 0);
    }
    if (rc != 0) {
        mdb_env_close(*env);
        return errno_status_set(status, rc, path);
    }
    return STATED_OK;
}

static enum stated_code check_opened(MDB_env *env, const char *path, struct lmdb_task *task,
                                     struct store_contents *contents, struct stated_status *status)
{
    struct lmdb_tables tables;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return errno_status_set(status, rc, path);
    }
    enum stated_code code = lmdb_meta_open_tables(txn, path, &tables, status);
    if (code == STATED_OK) {
        code = lmdb_check_contents(txn, &tables, path, task, contents, status);
    }
    mdb_txn_abort(txn);
    return code;
}

/* Reads the header and checks the pages. */
static enum stated_code check_pages(const char *path, struct lmdb_header *header,
                                    struct lmdb_task *task, struct store_contents *contents,
                                    struct stated_status *status)
{
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno_status_set(status, errno, path);
    }
    enum stated_code code = lmdb_header_read_fd(fd, path, header, status);
    if (code == STATED_OK) {
        lmdb_task_phase(task, 600, header->last_page);
        code = lmdb_pages_check(fd, path, header, LMDB_PAGES_ALL, task, status);
    }
    contents->file_bytes = fstat(fd, &file) == 0 ? (uint64_t)file.st_size : 0;
    (void)close(fd);
    return code;
}

enum stated_code lmdb_check_file(const char *path, struct lmdb_task *task,
                                 struct store_contents *contents, struct stated_status *status)
{
    struct lmdb_header header;
    struct store_contents of_file = {0};
    MDB_env *env;
    *contents = (struct store_contents){0};
    enum stated_code code = check_pages(path, &header, task, &of_file, status);
    if (code == STATED_OK) {
        code = open_for_reading(path, &header, &env, status);
    }
    if (code == STATED_OK) {
        code = check_opened(env, path, task, contents, status);
        mdb_env_close(env);
    }
    contents->file_bytes = of_file.file_bytes;
    return code;
}
