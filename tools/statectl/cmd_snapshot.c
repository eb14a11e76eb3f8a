/* snapshot: the whole state in one file, to keep and to start from. */
#include "statectl/commands.h"
#include "statectl/contents_view.h"
#include "statectl/errors.h"
#include "statectl/local_task.h"
#include "statectl/memory.h"
#include "statectl/snapshot_save.h"

#include "engine/lmdb_snapshot.h"
#include "paths.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_DATA_DIR = 0x100 };

static const struct argp_option options[] = {
    {"data-dir", KEY_DATA_DIR, "DIR", 0,
     "Restore into DIR, which is made when absent (where stated keeps its data)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    const char **data_dir = state->input;
    if (key != KEY_DATA_DIR) {
        return ARGP_ERR_UNKNOWN;
    }
    *data_dir = text;
    return 0;
}

static int verify(struct ctl *ctl, const char *path)
{
    struct store_contents contents;
    struct local_task task;
    struct stated_status status;
    local_task_init(&task, "verifying");
    int code = local_task_conclude(
        &task, lmdb_snapshot_verify(path, &task.task, &contents, &status), &status);
    if (code == EXIT_DONE) {
        char *done = memory_format("%s is whole:", path);
        contents_view_print(ctl, &contents, "file", path, done, "");
        free(done);
    }
    return code;
}

static int info(struct ctl *ctl, const char *path)
{
    struct store_contents contents;
    struct local_task task;
    struct stated_status status;
    local_task_init(&task, "");
    int code = local_task_conclude(&task, lmdb_snapshot_info(path, &contents, &status), &status);
    if (code == EXIT_DONE) {
        contents_view_table(ctl, &contents, "file", path);
    }
    return code;
}

static int restore(struct ctl *ctl, const char *path, const char *directory)
{
    struct store_contents contents;
    struct local_task task;
    struct stated_status status;
    local_task_init(&task, "restoring");
    int code = local_task_conclude(
        &task, lmdb_snapshot_restore(path, directory, &task.task, &contents, &status), &status);
    if (code == EXIT_DONE) {
        char *end = memory_format(" into %s", directory);
        contents_view_print(ctl, &contents, "data_directory", directory, "restored", end);
        free(end);
    }
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    char default_directory[PATHS_BYTES];
    const char *data_dir = NULL;
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_snapshot, argc, argv, &data_dir, &arguments)) {
        return EXIT_USAGE;
    }
    const char *action = arguments.at[0];
    const char *path = arguments.at[1];
    bool restores = strcmp(action, "restore") == 0;
    if (data_dir != NULL && !restores) {
        return error_usage("snapshot %s takes no --data-dir", action);
    }
    if (strcmp(action, "save") == 0) {
        return snapshot_save(ctl, path);
    }
    if (strcmp(action, "verify") == 0) {
        return verify(ctl, path);
    }
    if (strcmp(action, "info") == 0) {
        return info(ctl, path);
    }
    if (!restores) {
        return error_usage("snapshot: '%s' is none of save, verify, info, restore", action);
    }
    if (data_dir == NULL) {
        struct paths_environment environment;
        paths_read_environment(&environment);
        paths_default_data_directory(&environment, default_directory, sizeof default_directory);
        data_dir = default_directory;
    }
    return restore(ctl, path, data_dir);
}

const struct command cmd_snapshot = {
    .name = "snapshot",
    .arguments = "save|verify|info|restore FILE",
    .summary = "save the whole state in a file, verify it, restore it",
    .help =
        "save: a copy of the state of one moment, with its revisions, change log and remembered "
        "writes, while the server goes on serving. The server copies it beside its data, which "
        "takes about as much disk space as the state; then it is fetched into FILE and "
        "verified. FILE gets its name when it is whole and on disk, and only its owner can "
        "read it.\n"
        "verify: looks at every byte and every record of FILE. info: what FILE says it has. "
        "Neither needs a server.\n"
        "restore: verifies FILE and makes a data directory of it, which has to be new or empty. "
        "Start a server on it then; whoever it runs as has to own the directory.\n\n"
        "Interrupted, none of them leaves anything half done. The exit status is 1 when FILE "
        "is cut, altered or no snapshot, 2 when it or the directory cannot be used.\n\n"
        "Examples:\n"
        "  statectl snapshot save monday.snapshot\n"
        "  statectl snapshot verify monday.snapshot\n"
        "  statectl snapshot restore monday.snapshot --data-dir /var/lib/stated-2\n",
    .options = options,
    .parser = parse,
    .least_arguments = 2,
    .most_arguments = 2,
    .run = run,
};
