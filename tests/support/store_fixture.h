/* A store in a directory of its own, and runs on it in one line. Failures fail the test. */
#ifndef STATED_TESTS_STORE_FIXTURE_H
#define STATED_TESTS_STORE_FIXTURE_H

#include "engine/lmdb_store.h"
#include "requests.h"

struct store_fixture {
    char directory[64];
    struct lmdb_store_options options;
    struct store *store; /* NULL while closed */
    bool is_damaged;     /* on purpose: what is closed is not checked */
    struct arena arena;  /* of requests and replies; the test resets it when it likes */
};

/* A new directory, options for sync mode with a limit of 64 MiB; nothing is open yet. */
void fixture_init(struct store_fixture *self);

/* The same in a new directory below parent. */
void fixture_init_in(struct store_fixture *self, const char *parent);

/* The same where syncs cost nothing, for tests of many commits in which no power is lost; or in
   STATED_TEST_DIRECTORY, when somebody else clears up after a test that is to fail. */
void fixture_init_in_memory(struct store_fixture *self);

/* Opens the store; the second gives the code and the status (not NULL) instead of failing. */
void fixture_open(struct store_fixture *self);
enum stated_code fixture_try_open(struct store_fixture *self, struct stated_status *status);

/* Closes the store; the directory stays. */
/* Closes the store and checks every page, record and relation of what it leaves. */
void fixture_close(struct store_fixture *self);

/* Closes what is open and removes the directory with all that is in it. */
void fixture_deinit(struct store_fixture *self);

/* DIRECTORY/NAME in the arena. */
const char *fixture_path(struct store_fixture *self, const char *name);

/* An operation with an initialised response, in the arena; replies may have 1 MiB. */
struct store_op *op_read(struct store_fixture *self, const Stated__V1__ReadRequest *request);
struct store_op *op_write(struct store_fixture *self, const Stated__V1__WriteRequest *request);

/* Executes the operations as one run. */
void fixture_run(struct store_fixture *self, enum store_mode mode, struct store_op *const *ops,
                 size_t n);

/* One operation in a run of its own: a read in a SHARED one, a write in an EXCLUSIVE one. */
struct store_op *fixture_read(struct store_fixture *self, const Stated__V1__ReadRequest *request);
struct store_op *fixture_write(struct store_fixture *self, const Stated__V1__WriteRequest *request);

/* Puts one key; returns the write's revision. */
uint64_t fixture_put(struct store_fixture *self, const char *key, const char *value);

/* The key's entry, or NULL when it is absent. */
const Stated__V1__Entry *fixture_get(struct store_fixture *self, const char *key);

/* Fails unless the entry has this key and value. */
void assert_entry(const Stated__V1__Entry *entry, const char *key, const char *value);

/* Fails unless the operation has this code and, when it is not OK, a message with `part` in it. */
void assert_outcome(const struct store_op *op, enum stated_code code, const char *part);

#endif
