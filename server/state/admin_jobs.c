#include "state/admin_jobs.h"

#include "rpc/call.h"
#include "rpc/exchange.h"
#include "server.h"
#include "state/admin_queue.h"
#include "state/job.h"

enum {
    KEEP_MS_DEFAULT = 10000,
    KEEP_MS_MAX = 600000,
    DATA_OVERHEAD_BYTES = 16, /* of the field around the data */
    /* A worker is busy that long at most, and a reply has less than the usual limit. */
    MAX_DATA_BYTES = 1 << 20,
};

_Static_assert((int)JOB_SNAPSHOT == (int)STATED__V1__JOB__KIND__KIND_SNAPSHOT &&
                   (int)JOB_CHECK == (int)STATED__V1__JOB__KIND__KIND_CHECK &&
                   (int)JOB_RUNNING == (int)STATED__V1__JOB__STATE__STATE_RUNNING &&
                   (int)JOB_DONE == (int)STATED__V1__JOB__STATE__STATE_DONE &&
                   (int)JOB_FAILED == (int)STATED__V1__JOB__STATE__STATE_FAILED,
               "a job on the wire is numbered as here");

static struct job_runner *jobs_of(const struct stated_call *call)
{
    struct server_view view;
    server_read_view(stated_call_state(call), &view);
    return view.jobs;
}

static enum stated_code fail(struct stated_call *call, const struct stated_status *status)
{
    return stated_call_fail(call, status->code, "%s", status->message);
}

static Stated__V1__Contents *copy_contents(struct stated_call *call,
                                           const struct store_contents *contents)
{
    Stated__V1__Contents *out = stated_call_alloc(call, sizeof(*out));
    if (out != NULL) {
        stated__v1__contents__init(out);
        out->revision = contents->revision;
        out->keys = contents->keys;
        out->oldest_revision = contents->oldest_revision;
        out->stored_replies = contents->stored_replies;
        out->file_bytes = contents->file_bytes;
    }
    return out;
}

/* Puts what is known of the job into a response. */
static enum stated_code show(struct stated_call *call, const struct job_view *view,
                             Stated__V1__Job **job)
{
    Stated__V1__Job *out = stated_call_alloc(call, sizeof(*out));
    if (out == NULL) {
        return admin_no_memory(call);
    }
    stated__v1__job__init(out);
    out->id = view->id;
    out->kind = (Stated__V1__Job__Kind)view->kind;
    out->state = (Stated__V1__Job__State)view->state;
    out->permille = view->permille;
    out->elapsed_ms = view->elapsed_ms;
    if (view->state == JOB_DONE) {
        out->contents = copy_contents(call, &view->contents);
    } else if (view->state == JOB_FAILED) {
        out->code = (Stated__V1__Code)view->failure.code;
        out->message = admin_copy_text(call, view->failure.message);
    }
    if ((view->state == JOB_DONE && out->contents == NULL) || out->message == NULL) {
        return admin_no_memory(call);
    }
    *job = out;
    return STATED_OK;
}

static enum stated_code start(struct stated_call *call, enum job_kind kind, uint64_t id,
                              uint32_t keep_ms, Stated__V1__Job **job)
{
    struct job_view view;
    struct stated_status status;
    if (id == 0) {
        return stated_call_fail(call, STATED_INVALID_ARGUMENT,
                                "job_id is 0; choose another number, at random");
    }
    if (keep_ms > KEEP_MS_MAX) {
        return stated_call_fail(call, STATED_INVALID_ARGUMENT, "keep_ms is %u; %d at most", keep_ms,
                                KEEP_MS_MAX);
    }
    enum stated_code code = job_start(jobs_of(call), kind, id,
                                      keep_ms == 0 ? KEEP_MS_DEFAULT : keep_ms, &view, &status);
    return code == STATED_OK ? show(call, &view, job) : fail(call, &status);
}

enum stated_code admin_snapshot(struct stated_call *call,
                                const Stated__V1__SnapshotRequest *request,
                                Stated__V1__SnapshotResponse *response)
{
    return start(call, JOB_SNAPSHOT, request->job_id, request->keep_ms, &response->job);
}

enum stated_code admin_check(struct stated_call *call, const Stated__V1__CheckRequest *request,
                             Stated__V1__CheckResponse *response)
{
    return start(call, JOB_CHECK, request->job_id, request->keep_ms, &response->job);
}

enum stated_code admin_job(struct stated_call *call, const Stated__V1__JobRequest *request,
                           Stated__V1__JobResponse *response)
{
    struct job_view view;
    struct stated_status status;
    return job_look(jobs_of(call), request->job_id, &view, &status) == STATED_OK
               ? show(call, &view, &response->job)
               : fail(call, &status);
}

enum stated_code admin_admit_read_snapshot(struct stated_call *call,
                                           const Stated__V1__ReadSnapshotRequest *request,
                                           struct stated_admission *admission)
{
    (void)call;
    (void)request;
    admission->bypass = true;
    return STATED_OK;
}

enum stated_code admin_read_snapshot(struct stated_call *call,
                                     const Stated__V1__ReadSnapshotRequest *request,
                                     Stated__V1__ReadSnapshotResponse *response)
{
    struct stated_status status;
    size_t room = exchange_response_share(call->exchange, call);
    size_t size = room > DATA_OVERHEAD_BYTES ? room - DATA_OVERHEAD_BYTES : 1;
    size = size < MAX_DATA_BYTES ? size : MAX_DATA_BYTES;
    size = request->max_bytes > 0 && request->max_bytes < size ? request->max_bytes : size;
    response->data.data = stated_call_alloc(call, size);
    if (response->data.data == NULL) {
        return admin_no_memory(call);
    }
    enum stated_code code = job_read(jobs_of(call), request->job_id, request->offset,
                                     response->data.data, size, &response->data.len, &status);
    return code == STATED_OK ? STATED_OK : fail(call, &status);
}

enum stated_code admin_end_job(struct stated_call *call, const Stated__V1__EndJobRequest *request,
                               Stated__V1__EndJobResponse *response)
{
    (void)response;
    job_end(jobs_of(call), request->job_id);
    return STATED_OK;
}
