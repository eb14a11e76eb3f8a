"""Writes a source of the project with one promise broken: what the tests of faults must notice.

usage: unsafe.py NAME SOURCE TARGET
"""

import pathlib
import sys

# Name: the pairs of what is there, once, and what is put in its place.
BUILDS = {
    # server/engine/lmdb_file.c: nothing is ever forced to the disk.
    "no_sync": [
        ("options->durability == STORE_RELAXED ? MDB_NOMETASYNC : 0;",
         "options->durability == STORE_RELAXED ? MDB_NOMETASYNC : MDB_NOSYNC;"),
    ],
    # server/rpc/execute.c: a run is answered before it is committed, on a disk that takes its time.
    # The mutex is there since the engine has one run of writes at a time.
    "early_reply": [
        ("void execute_run(void *context, struct gate_run *run)\n{\n",
         "#include <pthread.h>\n#include <time.h>\n"
         "static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;\n"
         "void execute_run(void *context, struct gate_run *run)\n{\n"
         "    bool writes = run->kind == GATE_RUN_EXCLUSIVE;\n"
         "    if (writes) {\n        pthread_mutex_lock(&one);\n    }\n"),
        ("    if (run->execution == NULL ||\n"
         "        self->store->ops->commit(run->execution, store_completed, run) == STORE_COMPLETE) {\n"
         "        gate_finish(self->gate, run);\n    }\n",
         "    struct store_run *execution = run->execution;\n"
         "    const struct timespec delay = {.tv_nsec = writes ? 20000000 : 0};\n"
         "    gate_finish(self->gate, run);\n"
         "    nanosleep(&delay, NULL);\n"
         "    if (execution != NULL) {\n"
         "        (void)self->store->ops->commit(execution, store_completed, NULL);\n    }\n"
         "    if (writes) {\n        pthread_mutex_unlock(&one);\n    }\n"),
    ],
    # server/engine/lmdb_calls.c: a write that was answered before is carried out again.
    "double_apply": [
        ("    rc = op->once.sequence > client.highest\n", "    rc = op->once.sequence > 0\n"),
    ],
}


def main():
    name, source, target = sys.argv[1:]
    text = pathlib.Path(source).read_text(encoding="utf-8")
    for before, after in BUILDS[name]:
        if text.count(before) != 1:
            sys.exit(f"{name}: {source} says {text.count(before)} times: {before}")
        text = text.replace(before, after)
    pathlib.Path(target).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
