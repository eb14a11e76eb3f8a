/* db: looks at the stored state itself. */
#include "statectl/commands.h"
#include "statectl/contents_view.h"
#include "statectl/errors.h"
#include "statectl/interrupt.h"
#include "statectl/local_task.h"
#include "statectl/remote_job.h"

#include "engine/lmdb_snapshot.h"

#include <string.h>

enum { KEY_DATA_DIR = 0x100 };

static const struct argp_option options[] = {
    {"data-dir", KEY_DATA_DIR, "DIR", 0,
     "Check the data in DIR, which no server may have open, instead of the server's", 0},
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

static int check_directory(struct ctl *ctl, const char *directory)
{
    struct store_contents contents;
    struct local_task task;
    struct stated_status status;
    local_task_init(&task, "checking");
    int code = local_task_conclude(
        &task, lmdb_directory_check(directory, &task.task, &contents, &status), &status);
    if (code == EXIT_DONE) {
        contents_view_print(ctl, &contents, "data_directory", directory, "the state is good:", "");
    }
    return code;
}

/* What the server found. */
static int conclude(struct ctl *ctl, const struct remote_job *remote)
{
    const Stated__V1__Job *job = remote->job;
    if (job->state == STATED__V1__JOB__STATE__STATE_DONE) {
        struct store_contents contents = contents_of(job->contents);
        contents_view_print(ctl, &contents, "data_directory", NULL, "the state is good:", "");
        return EXIT_DONE;
    }
    if (job->code == STATED__V1__CODE__CODE_DATA_LOSS) {
        return error_negative("%s", job->message);
    }
    return remote_job_fail(remote);
}

static int check_server(struct ctl *ctl)
{
    struct remote_job job;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    interrupt_defer();
    code = remote_job_run(&job, ctl, STATED__V1__JOB__KIND__KIND_CHECK, "checking");
    if (code != EXIT_DONE) {
        return code;
    }
    progress_wipe(&job.progress);
    code = conclude(ctl, &job);
    remote_job_end(&job);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    const char *data_dir = NULL;
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_db, argc, argv, &data_dir, &arguments)) {
        return EXIT_USAGE;
    }
    if (strcmp(arguments.at[0], "check") != 0) {
        return error_usage("db: '%s' is not check", arguments.at[0]);
    }
    return data_dir != NULL ? check_directory(ctl, data_dir) : check_server(ctl);
}

const struct command cmd_db = {
    .name = "db",
    .arguments = "check",
    .summary = "check every page and record of the stored state",
    .help = "check: looks at every page, the checksum of every record, and what the state, the "
            "change log and the remembered writes say of each other. A server does it while it "
            "goes on serving; with --data-dir it is done here, on the data of a server that does "
            "not run. Nothing is changed.\n\n"
            "The exit status is 0 when all is good, 1 with the first finding when it is not, 2 "
            "when DIR cannot be used.\n\n"
            "Examples:\n"
            "  statectl db check\n"
            "  statectl db check --data-dir /var/lib/stated\n",
    .options = options,
    .parser = parse,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
