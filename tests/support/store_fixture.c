#include "store_fixture.h"

#include "engine/lmdb_snapshot.h"

#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESPONSE_BYTES ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)256 << 20)

void fixture_init_in(struct store_fixture *self, const char *parent)
{
    *self = (struct store_fixture){.options = {.durability = STORE_SYNC,
                                               .size_limit_bytes = (uint64_t)64 << 20,
                                               .max_entries = 10000}};
    snprintf(self->directory, sizeof(self->directory), "%s/stated-store-XXXXXX", parent);
    assert_non_null(mkdtemp(self->directory));
    self->options.directory = self->directory;
    arena_init(&self->arena, ARENA_BYTES);
}

void fixture_init(struct store_fixture *self)
{
    fixture_init_in(self, "/tmp");
}

void fixture_init_in_memory(struct store_fixture *self)
{
    const char *given = getenv("STATED_TEST_DIRECTORY");
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    fixture_init_in(self, given != NULL ? given : memory);
}

enum stated_code fixture_try_open(struct store_fixture *self, struct stated_status *status)
{
    enum stated_code code = lmdb_store_open(&self->options, &self->store, status);
    assert_true((code == STATED_OK) == (self->store != NULL));
    return code;
}

void fixture_open(struct store_fixture *self)
{
    struct stated_status status;
    enum stated_code code = fixture_try_open(self, &status);
    if (code != STATED_OK) {
        fail_msg("store does not open: %s", status.message);
    }
}

void fixture_close(struct store_fixture *self)
{
    struct store_status before;
    struct store_contents contents;
    struct stated_status status;
    self->store->ops->read_status(self->store, &before);
    bool is_failed = before.failed;
    self->store->ops->close(self->store);
    self->store = NULL;
    if (self->options.durability == STORE_EPHEMERAL || self->is_damaged || is_failed) {
        return;
    }
    if (lmdb_directory_check(self->options.directory, NULL, &contents, &status) != STATED_OK) {
        fail_msg("what the store left: %s", status.message);
    }
    assert_int_equal(contents.revision, before.revision);
    assert_int_equal(contents.keys, before.keys);
    assert_int_equal(contents.oldest_revision, before.oldest_revision);
}

static void remove_files(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char file[512];
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlink(file) != 0) {
            remove_files(file);
            (void)rmdir(file);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

void fixture_deinit(struct store_fixture *self)
{
    if (self->store != NULL) {
        fixture_close(self);
    }
    arena_deinit(&self->arena);
    remove_files(self->directory);
    assert_int_equal(rmdir(self->directory), 0);
}

const char *fixture_path(struct store_fixture *self, const char *name)
{
    return arena_format(&self->arena, "%s/%s", self->directory, name);
}

static struct store_op *op_new(struct store_fixture *self, enum store_kind kind,
                               size_t response_bytes)
{
    struct store_op *op = arena_alloc(&self->arena, sizeof(*op));
    void *response = arena_alloc(&self->arena, response_bytes);
    assert_non_null(op);
    assert_non_null(response);
    *op = (struct store_op){.kind = kind,
                            .arena = &self->arena,
                            .max_response_bytes = RESPONSE_BYTES,
                            .code = STATED_INTERNAL,
                            .message = "untouched"};
    op->read_response = response;
    return op;
}

struct store_op *op_read(struct store_fixture *self, const Stated__V1__ReadRequest *request)
{
    struct store_op *op = op_new(self, STORE_READ, sizeof(*op->read_response));
    stated__v1__read_response__init(op->read_response);
    op->read = request;
    return op;
}

struct store_op *op_write(struct store_fixture *self, const Stated__V1__WriteRequest *request)
{
    struct store_op *op = op_new(self, STORE_WRITE, sizeof(*op->write_response));
    stated__v1__write_response__init(op->write_response);
    op->write = request;
    return op;
}

static void fail_on_done(void *argument)
{
    (void)argument;
    fail_msg("this engine completes at once");
}

void fixture_run(struct store_fixture *self, enum store_mode mode, struct store_op *const *ops,
                 size_t n)
{
    const struct store_ops *engine = self->store->ops;
    struct store_run *run = engine->begin(self->store, mode);
    assert_non_null(run);
    for (size_t i = 0; i < n; i++) {
        engine->apply(run, ops[i]);
    }
    assert_int_equal(engine->commit(run, fail_on_done, NULL), STORE_COMPLETE);
}

struct store_op *fixture_read(struct store_fixture *self, const Stated__V1__ReadRequest *request)
{
    struct store_op *op = op_read(self, request);
    fixture_run(self, STORE_SHARED, &op, 1);
    return op;
}

struct store_op *fixture_write(struct store_fixture *self, const Stated__V1__WriteRequest *request)
{
    struct store_op *op = op_write(self, request);
    fixture_run(self, STORE_EXCLUSIVE, &op, 1);
    return op;
}

uint64_t fixture_put(struct store_fixture *self, const char *key, const char *value)
{
    struct arena *arena = &self->arena;
    struct store_op *op = fixture_write(
        self, write_mutation(arena, write_new(arena), mutation_put(arena, key, value)));
    assert_outcome(op, STATED_OK, "");
    assert_true(op->write_response->applied);
    return op->write_response->revision;
}

const Stated__V1__Entry *fixture_get(struct store_fixture *self, const char *key)
{
    struct arena *arena = &self->arena;
    struct store_op *op =
        fixture_read(self, read_select(arena, read_new(arena), select_key(arena, key)));
    assert_outcome(op, STATED_OK, "");
    assert_true(op->read_response->n_entries <= 1);
    return op->read_response->n_entries == 0 ? NULL : op->read_response->entries[0];
}

static void assert_bytes(const ProtobufCBinaryData *bytes, const char *text)
{
    assert_int_equal(bytes->len, strlen(text));
    if (bytes->len > 0) {
        assert_memory_equal(bytes->data, text, bytes->len);
    }
}

void assert_entry(const Stated__V1__Entry *entry, const char *key, const char *value)
{
    assert_non_null(entry);
    assert_bytes(&entry->key, key);
    assert_bytes(&entry->value, value);
}

void assert_outcome(const struct store_op *op, enum stated_code code, const char *part)
{
    if (op->code != code || strstr(op->message, part) == NULL) {
        fail_msg("outcome %s \"%s\", expected %s with \"%s\"", stated_code_name(op->code),
                 op->message, stated_code_name(code), part);
    }
    assert_true((op->code == STATED_OK) == (op->message[0] == '\0'));
}
