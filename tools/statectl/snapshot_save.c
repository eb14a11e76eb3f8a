#include "statectl/snapshot_save.h"

#include "statectl/contents_view.h"
#include "statectl/errors.h"
#include "statectl/file.h"
#include "statectl/interrupt.h"
#include "statectl/local_task.h"
#include "statectl/memory.h"
#include "statectl/remote_job.h"

#include "engine/lmdb_snapshot.h"
#include "stated/v1/admin.stated-client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A part is small enough for a slow line and the usual timeout. */
enum { PRIVATE_FILE = 0600, PART_BYTES = 256 << 10, MAX_TRIES = 20, RETRY_MS = 100 };

static bool may_pass(enum stated_code code)
{
    return code == STATED_RESOURCE_EXHAUSTED || code == STATED_DEADLINE_EXCEEDED ||
           code == STATED_UNAVAILABLE;
}

/* One part; a server that is busy or out of reach is asked again for a while. */
static enum stated_code read_part(struct remote_job *job, uint64_t offset,
                                  Stated__V1__ReadSnapshotResponse **part,
                                  struct stated_status *status)
{
    Stated__V1__ReadSnapshotRequest request = STATED__V1__READ_SNAPSHOT_REQUEST__INIT;
    request.job_id = job->id;
    request.offset = offset;
    request.max_bytes = PART_BYTES;
    enum stated_code code = STATED_RESOURCE_EXHAUSTED;
    for (int i = 0; i < MAX_TRIES && may_pass(code); i++) {
        if (i > 0 && interrupt_sleep(RETRY_MS) != 0) {
            return code;
        }
        code =
            stated_v1_admin_service_read_snapshot(job->ctl->client, NULL, &request, part, status);
    }
    return code;
}

/* Appends the whole snapshot to the file. EXIT_DONE, or the exit code after saying why not. */
static int fetch(struct remote_job *job, uint64_t bytes, struct whole_file *file)
{
    uint64_t offset = 0;
    while (offset < bytes && interrupt_requested() == 0) {
        Stated__V1__ReadSnapshotResponse *part;
        struct stated_status status;
        if (read_part(job, offset, &part, &status) != STATED_OK) {
            return interrupt_requested() != 0 ? EXIT_DONE : error_call(&status);
        }
        size_t written = fwrite(part->data.data, 1, part->data.len, file->file);
        bool is_written = written == part->data.len && written > 0;
        offset += part->data.len;
        stated__v1__read_snapshot_response__free_unpacked(part, NULL);
        if (!is_written) {
            return error_file("write", file->path);
        }
        progress_tell_share(&job->progress, "fetching", (unsigned)(1000 * offset / bytes));
    }
    return fflush(file->file) == 0 ? EXIT_DONE : error_file("write", file->path);
}

/* The snapshot, as the server has made it, is in the file. */
static int make_and_fetch(struct ctl *ctl, struct whole_file *file)
{
    struct remote_job job;
    int code = remote_job_run(&job, ctl, STATED__V1__JOB__KIND__KIND_SNAPSHOT, "copying");
    if (code != EXIT_DONE) {
        return code;
    }
    if (job.job->state == STATED__V1__JOB__STATE__STATE_FAILED) {
        progress_wipe(&job.progress);
        code = remote_job_fail(&job);
    } else {
        code = fetch(&job, job.job->contents->file_bytes, file);
    }
    remote_job_end(&job);
    if (code == EXIT_DONE && interrupt_requested() != 0) {
        error_say("interrupted");
        return interrupt_requested();
    }
    return code;
}

/* What is kept is worth something only if it can be restored: every byte and record is looked at.
 */
static int verify(const struct whole_file *file, struct store_contents *contents)
{
    struct local_task task;
    struct stated_status status;
    local_task_init(&task, "verifying");
    enum stated_code code = lmdb_snapshot_verify(file->temporary, &task.task, contents, &status);
    return local_task_conclude(&task, code, &status);
}

int snapshot_save(struct ctl *ctl, const char *path)
{
    struct whole_file file;
    struct store_contents contents;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    interrupt_defer();
    if (!whole_file_open(&file, path)) {
        return EXIT_USAGE;
    }
    if (file.temporary == NULL) {
        whole_file_abandon(&file);
        return error_usage("%s is no plain file; a snapshot needs one", path);
    }
    /* All that the state holds is in it. */
    (void)fchmod(fileno(file.file), PRIVATE_FILE);
    code = make_and_fetch(ctl, &file);
    if (code == EXIT_DONE) {
        code = verify(&file, &contents);
    }
    if (code != EXIT_DONE) {
        whole_file_abandon(&file);
        return code;
    }
    if (!whole_file_close(&file)) {
        return EXIT_USAGE;
    }
    char *end = memory_format(" to %s", path);
    contents_view_print(ctl, &contents, "file", path, "saved", end);
    free(end);
    return EXIT_DONE;
}
