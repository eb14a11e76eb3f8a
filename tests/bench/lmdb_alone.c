/* What LMDB alone does for the same work: reads and writes of the same sizes in the same tables,
   one thread, no wire, no checks, so many calls to a transaction. The bound that an engine on LMDB
   cannot pass, beside what the server and its peers do in the same run. Prints JSON. */
#include "base/clock.h"
#include "bench/workload.h"

#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 14, VALUE_BYTES = 100, RECORD_BYTES = 32, CHANGE_BYTES = 48 };

struct tables {
    MDB_env *env;
    MDB_dbi state;   /* key -> value and what is known of it */
    MDB_dbi changes; /* revision -> key, value before and after */
    MDB_dbi meta;
    uint64_t revision;
};

static void check(const char *what, int rc)
{
    if (rc != 0) {
        fprintf(stderr, "lmdb_alone: %s: %s\n", what, mdb_strerror(rc));
        exit(1);
    }
}

static void open_tables(struct tables *self, const char *directory, unsigned flags)
{
    MDB_txn *txn;
    check("create", mdb_env_create(&self->env));
    check("map", mdb_env_set_mapsize(self->env, (size_t)4 << 30));
    check("tables", mdb_env_set_maxdbs(self->env, 3));
    check("open", mdb_env_open(self->env, directory, flags, 0600));
    check("begin", mdb_txn_begin(self->env, NULL, 0, &txn));
    check("state", mdb_dbi_open(txn, "state", MDB_CREATE, &self->state));
    check("changes", mdb_dbi_open(txn, "changes", MDB_CREATE | MDB_INTEGERKEY, &self->changes));
    check("meta", mdb_dbi_open(txn, "meta", MDB_CREATE, &self->meta));
    check("commit", mdb_txn_commit(txn));
}

static MDB_val key_of(uint32_t number, char name[32])
{
    int length = snprintf(name, 32, "bench/%08u", number);
    return (MDB_val){.mv_size = (size_t)length, .mv_data = name};
}

static void write_one(struct tables *self, MDB_txn *txn, uint32_t number)
{
    static char record[RECORD_BYTES + VALUE_BYTES];
    static char change[CHANGE_BYTES + KEY_BYTES + VALUE_BYTES];
    char name[32];
    MDB_val key = key_of(number, name);
    MDB_val value = {.mv_size = sizeof record, .mv_data = record};
    MDB_val revision = {.mv_size = sizeof self->revision, .mv_data = &self->revision};
    MDB_val event = {.mv_size = sizeof change, .mv_data = change};
    self->revision++;
    check("put", mdb_put(txn, self->state, &key, &value, 0));
    check("log", mdb_put(txn, self->changes, &revision, &event, MDB_APPEND));
}

static void read_one(struct tables *self, MDB_txn *txn, uint32_t number)
{
    char name[32];
    char copy[RECORD_BYTES + VALUE_BYTES];
    MDB_val key = key_of(number, name);
    MDB_val value;
    check("get", mdb_get(txn, self->state, &key, &value));
    memcpy(copy, value.mv_data, value.mv_size < sizeof copy ? value.mv_size : sizeof copy);
    __asm__ volatile("" : : "r"(copy) : "memory"); /* the copy is what a reply would carry */
}

static void commit(struct tables *self, MDB_txn *txn)
{
    static char revision[] = "revision";
    MDB_val name = {.mv_size = sizeof revision - 1, .mv_data = revision};
    MDB_val value = {.mv_size = sizeof self->revision, .mv_data = &self->revision};
    check("meta", mdb_put(txn, self->meta, &name, &value, 0));
    check("commit", mdb_txn_commit(txn));
}

static void fill(struct tables *self, uint32_t keys)
{
    MDB_txn *txn;
    check("begin", mdb_txn_begin(self->env, NULL, 0, &txn));
    for (uint32_t key = 0; key < keys; key++) {
        write_one(self, txn, key);
    }
    commit(self, txn);
}

/* Runs transactions of so many calls until the time is over; calls made. */
static uint64_t run(struct tables *self, const struct workload *workload, unsigned per_commit,
                    uint64_t end_ns)
{
    struct workload_stream stream;
    uint64_t calls = 0;
    workload_stream_init(&stream, 1, 0);
    while (clock_now_ns() < end_ns) {
        MDB_txn *txn;
        bool writes = false;
        check("begin", mdb_txn_begin(self->env, NULL, 0, &txn));
        for (unsigned i = 0; i < per_commit; i++) {
            struct workload_call call = workload_next(workload, &stream);
            if (call.read) {
                read_one(self, txn, call.key);
            } else {
                write_one(self, txn, call.key);
                writes = true;
            }
        }
        if (writes) {
            commit(self, txn);
        } else {
            mdb_txn_abort(txn);
        }
        calls += per_commit;
    }
    return calls;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fputs("usage: lmdb_alone DIRECTORY sync|ephemeral KEYS READ_PERCENT CALLS_PER_COMMIT "
              "SECONDS\n",
              stderr);
        return 2;
    }
    struct tables tables = {0};
    struct workload workload;
    uint32_t keys = (uint32_t)strtoul(argv[3], NULL, 10);
    unsigned per_commit = (unsigned)strtoul(argv[5], NULL, 10);
    bool sync = strcmp(argv[2], "sync") == 0;
    if (keys == 0 || per_commit == 0) {
        fputs("lmdb_alone: keys and calls are numbers above 0\n", stderr);
        return 2;
    }
    open_tables(&tables, argv[1], sync ? 0 : MDB_NOSYNC | MDB_WRITEMAP);
    fill(&tables, keys);
    workload_init(&workload, keys, (unsigned)strtoul(argv[4], NULL, 10), WORKLOAD_UNIFORM);
    uint64_t began_ns = clock_now_ns();
    uint64_t calls =
        run(&tables, &workload, per_commit, began_ns + (uint64_t)(strtod(argv[6], NULL) * 1e9));
    double seconds = (double)(clock_now_ns() - began_ns) / 1e9;
    printf("{\"calls\": %" PRIu64 ", \"seconds\": %.6f, \"calls_per_s\": %.0f}\n", calls, seconds,
           (double)calls / seconds);
    mdb_env_close(tables.env);
    return 0;
}
