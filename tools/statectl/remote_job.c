#include "statectl/remote_job.h"

#include "statectl/errors.h"
#include "statectl/interrupt.h"

#include "stated/v1/admin.stated-client.h"

#include <sys/random.h>

/* A short job is soon seen to be done, a long one is not asked about all the time. */
enum { FIRST_WAIT_MS = 5, LONGEST_WAIT_MS = 100 };

static void take(struct remote_job *self, ProtobufCMessage *answer, Stated__V1__Job *job)
{
    if (self->answer != NULL) {
        protobuf_c_message_free_unpacked(self->answer, NULL);
    }
    self->answer = answer;
    self->job = job;
}

static enum stated_code start(struct remote_job *self, Stated__V1__Job__Kind kind,
                              struct stated_status *status)
{
    enum stated_code code;
    if (kind == STATED__V1__JOB__KIND__KIND_SNAPSHOT) {
        Stated__V1__SnapshotRequest request = STATED__V1__SNAPSHOT_REQUEST__INIT;
        Stated__V1__SnapshotResponse *response;
        request.job_id = self->id;
        code =
            stated_v1_admin_service_snapshot(self->ctl->client, NULL, &request, &response, status);
        if (code == STATED_OK) {
            take(self, &response->base, response->job);
        }
        return code;
    }
    Stated__V1__CheckRequest request = STATED__V1__CHECK_REQUEST__INIT;
    Stated__V1__CheckResponse *response;
    request.job_id = self->id;
    code = stated_v1_admin_service_check(self->ctl->client, NULL, &request, &response, status);
    if (code == STATED_OK) {
        take(self, &response->base, response->job);
    }
    return code;
}

static enum stated_code look(struct remote_job *self, struct stated_status *status)
{
    Stated__V1__JobRequest request = STATED__V1__JOB_REQUEST__INIT;
    Stated__V1__JobResponse *response;
    request.job_id = self->id;
    enum stated_code code =
        stated_v1_admin_service_job(self->ctl->client, NULL, &request, &response, status);
    if (code == STATED_OK) {
        take(self, &response->base, response->job);
    }
    return code;
}

static enum stated_code no_word(struct stated_status *status)
{
    return stated_status_set(status, STATED_INTERNAL, "the server did not say how the job is");
}

/* Until it is done, something fails or a signal asks. */
static enum stated_code follow(struct remote_job *self, struct stated_status *status)
{
    enum stated_code code = STATED_OK;
    int wait_ms = FIRST_WAIT_MS;
    while (code == STATED_OK && self->job->state == STATED__V1__JOB__STATE__STATE_RUNNING &&
           interrupt_sleep(wait_ms) == 0) {
        wait_ms = 2 * wait_ms < LONGEST_WAIT_MS ? 2 * wait_ms : LONGEST_WAIT_MS;
        code = look(self, status);
        if (code == STATED_OK && self->job == NULL) {
            return no_word(status);
        }
        progress_tell_share(&self->progress, self->what, self->job->permille);
    }
    return code;
}

/* That it is in one of the states that the caller knows what to do with. */
static enum stated_code check_end(const struct remote_job *self, struct stated_status *status)
{
    switch (self->job->state) {
    case STATED__V1__JOB__STATE__STATE_DONE:
        return self->job->contents != NULL ? STATED_OK : no_word(status);
    case STATED__V1__JOB__STATE__STATE_FAILED:
        return STATED_OK;
    default:
        return stated_status_set(status, STATED_UNIMPLEMENTED,
                                 "the job is in state %d, which this statectl does not know: the "
                                 "server is newer; use a statectl of its version",
                                 (int)self->job->state);
    }
}

int remote_job_run(struct remote_job *self, struct ctl *ctl, Stated__V1__Job__Kind kind,
                   const char *what)
{
    struct stated_status status;
    *self = (struct remote_job){.ctl = ctl, .what = what};
    progress_init(&self->progress, false, 0);
    while (self->id == 0) {
        if (getrandom(&self->id, sizeof self->id, 0) != sizeof self->id) {
            return error_usage("no random number for the job's name");
        }
    }
    enum stated_code code = start(self, kind, &status);
    if (code == STATED_OK && self->job == NULL) {
        code = no_word(&status);
    }
    if (code == STATED_OK) {
        code = follow(self, &status);
    }
    if (code == STATED_OK && interrupt_requested() == 0) {
        code = check_end(self, &status);
    }
    if (code == STATED_OK && interrupt_requested() == 0) {
        return EXIT_DONE;
    }
    remote_job_end(self);
    if (interrupt_requested() != 0) {
        error_say("interrupted");
        return interrupt_requested();
    }
    return error_call(&status);
}

void remote_job_end(struct remote_job *self)
{
    Stated__V1__EndJobRequest request = STATED__V1__END_JOB_REQUEST__INIT;
    Stated__V1__EndJobResponse *response;
    progress_wipe(&self->progress);
    request.job_id = self->id;
    /* When it does not arrive, the server ends the job all the same, since nobody asks. */
    if (stated_v1_admin_service_end_job(self->ctl->client, NULL, &request, &response, NULL) ==
        STATED_OK) {
        stated__v1__end_job_response__free_unpacked(response, NULL);
    }
    take(self, NULL, NULL);
}

int remote_job_fail(const struct remote_job *self)
{
    struct stated_status status;
    const Stated__V1__Job *job = self->job;
    if (job->code == STATED__V1__CODE__CODE_OK || (unsigned)job->code > STATED_UNAUTHENTICATED) {
        (void)!stated_status_set(&status, STATED_UNKNOWN,
                                 "the server says code %d, which this statectl does not know: %s",
                                 (int)job->code, job->message);
    } else {
        (void)!stated_status_set(&status, (enum stated_code)job->code, "%s", job->message);
    }
    return error_call(&status);
}
