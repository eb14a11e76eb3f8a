/* What LMDB alone does for the same work: reads and writes of the same sizes in the same tables,
   one thread, no wire, no checks, so many calls to a transaction. The bound that an engine on LMDB
   cannot pass, beside what the server and its peers do in the same run. Prints JSON. */
#include "bare_tables.h"
#include "base/clock.h"
#include "bench/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 100 };

static MDB_val key_of(uint32_t number, char name[32])
{
    int length = snprintf(name, 32, "bench/%08u", number);
    return (MDB_val){.mv_size = (size_t)length, .mv_data = name};
}

static void write_one(struct bare_tables *tables, MDB_txn *txn, uint32_t number)
{
    static char value[VALUE_BYTES];
    char name[32];
    bare_tables_write(tables, txn, key_of(number, name),
                      (MDB_val){.mv_size = sizeof value, .mv_data = value});
}

static void read_one(struct bare_tables *tables, MDB_txn *txn, uint32_t number)
{
    char name[32];
    char copy[VALUE_BYTES];
    MDB_val value = bare_tables_read(tables, txn, key_of(number, name));
    memcpy(copy, value.mv_data, value.mv_size < sizeof copy ? value.mv_size : sizeof copy);
    __asm__ volatile("" : : "r"(copy) : "memory"); /* the copy is what a reply would carry */
}

static void fill(struct bare_tables *tables, uint32_t keys)
{
    MDB_txn *txn = bare_tables_begin(tables, 0);
    for (uint32_t key = 0; key < keys; key++) {
        write_one(tables, txn, key);
    }
    bare_tables_commit(tables, txn);
}

/* Runs transactions of so many calls until the time is over; calls made. */
static uint64_t run(struct bare_tables *tables, const struct workload *workload,
                    unsigned per_commit, uint64_t end_ns)
{
    struct workload_stream stream;
    uint64_t calls = 0;
    workload_stream_init(&stream, 1, 0);
    while (clock_now_ns() < end_ns) {
        MDB_txn *txn = bare_tables_begin(tables, 0);
        bool writes = false;
        for (unsigned i = 0; i < per_commit; i++) {
            struct workload_call call = workload_next(workload, &stream);
            if (call.read) {
                read_one(tables, txn, call.key);
            } else {
                write_one(tables, txn, call.key);
                writes = true;
            }
        }
        if (writes) {
            bare_tables_commit(tables, txn);
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
    struct bare_tables tables;
    struct workload workload;
    uint32_t keys = (uint32_t)strtoul(argv[3], NULL, 10);
    unsigned per_commit = (unsigned)strtoul(argv[5], NULL, 10);
    bool sync = strcmp(argv[2], "sync") == 0;
    if (keys == 0 || per_commit == 0) {
        fputs("lmdb_alone: keys and calls are numbers above 0\n", stderr);
        return 2;
    }
    bare_tables_open(&tables, argv[1], sync ? 0 : MDB_NOSYNC | MDB_WRITEMAP);
    fill(&tables, keys);
    workload_init(&workload, keys, (unsigned)strtoul(argv[4], NULL, 10), WORKLOAD_UNIFORM);
    uint64_t began_ns = clock_now_ns();
    uint64_t calls =
        run(&tables, &workload, per_commit, began_ns + (uint64_t)(strtod(argv[6], NULL) * 1e9));
    double seconds = (double)(clock_now_ns() - began_ns) / 1e9;
    printf("{\"calls\": %" PRIu64 ", \"seconds\": %.6f, \"calls_per_s\": %.0f}\n", calls, seconds,
           (double)calls / seconds);
    bare_tables_close(&tables);
    return 0;
}
