#include "statectl/follow.h"

#include "statectl/errors.h"
#include "statectl/interrupt.h"
#include "statectl/memory.h"

#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long one call waits for events: so long a connection that is dead may not be noticed. */
enum { WAIT_MS = 20000, RETRY_MS = 250 };

/* One call, and what came of it. */
struct outcome {
    int ready; /* an eventfd: the rest is set */
    struct stated_status status;
    Stated__V1__WatchResponse *response;
};

static void note_outcome(void *argument, const struct stated_status *status,
                         Stated__V1__WatchResponse *response)
{
    struct outcome *self = argument;
    self->status = *status;
    self->response = response;
    eventfd_write(self->ready, 1);
}

/* Until the reply is there, or a signal is, which ends the call; or until the reader of the output
   is gone, of which nobody who writes nothing would be told. */
static void wait_for(const struct follow *follow, struct outcome *self, struct ctl *ctl)
{
    struct pollfd fds[] = {{.fd = self->ready, .events = POLLIN},
                           {.fd = interrupt_fd(), .events = POLLIN},
                           {.fd = follow->needs_output ? STDOUT_FILENO : -1}};
    while (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0) {
    }
    if (fds[2].revents != 0) {
        raise(SIGPIPE);
    }
    if (fds[0].revents == 0) {
        ctl_deinit(ctl); /* once it is closed, note_outcome has been called */
    }
    eventfd_t once;
    eventfd_read(self->ready, &once); /* from here on what was noted is ours */
}

/* NULL, and why in *status, when there is none. */
static Stated__V1__WatchResponse *call(const struct follow *self, struct ctl *ctl,
                                       struct stated_status *status)
{
    Stated__V1__WatchRequest request = STATED__V1__WATCH_REQUEST__INIT;
    Stated__V1__Selector select = *self->select;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    struct outcome outcome = {.ready = eventfd(0, EFD_CLOEXEC)};
    if (outcome.ready < 0) {
        stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no descriptor left to wait with");
        return NULL;
    }
    request.select = &select;
    request.from_revision = self->next_revision;
    request.no_wait = self->no_wait;
    options.timeout_ms = self->no_wait ? ctl->timeout_ms : WAIT_MS;
    if (stated_v1_state_service_watch_async(ctl->client, &options, &request, note_outcome, &outcome,
                                            status) == STATED_OK) {
        wait_for(self, &outcome, ctl);
        *status = outcome.status;
    }
    close(outcome.ready);
    return outcome.response;
}

/* FOLLOW_ON, or the exit code after saying that the event is none that can be shown. */
static int check_event(const Stated__V1__Event *event)
{
    struct stated_status status;
    if (event->entry == NULL) {
        (void)!stated_status_set(&status, STATED_INTERNAL,
                                 "the server told of a change of no key; is it a stated server?");
        return error_call(&status);
    }
    if (event->type != STATED__V1__EVENT__TYPE__TYPE_PUT &&
        event->type != STATED__V1__EVENT__TYPE__TYPE_DELETE) {
        (void)!stated_status_set(
            &status, STATED_UNIMPLEMENTED,
            "revision %" PRIu64 " has a change of kind %d, which this statectl does not know: the "
            "server is newer; go on with a statectl of its version, from there",
            event->entry->mod_revision, (int)event->type);
        return error_call(&status);
    }
    return FOLLOW_ON;
}

static int handle(struct follow *self, const Stated__V1__WatchResponse *response)
{
    int code = FOLLOW_ON;
    for (size_t i = 0; i < response->n_events && code == FOLLOW_ON; i++) {
        code = check_event(response->events[i]);
        if (code != FOLLOW_ON) {
            return code;
        }
        self->next_revision = response->events[i]->entry->mod_revision;
        code = self->event(self->argument, response->events[i]);
        self->handled++;
        if (interrupt_requested() != 0) {
            return interrupt_requested();
        }
    }
    if (code == FOLLOW_ON) {
        self->next_revision = response->next_revision;
    }
    return code;
}

static int take(struct follow *self, Stated__V1__WatchResponse *response)
{
    if (self->is_lost) {
        error_say("connected again; no change was missed");
        self->is_lost = false;
    }
    self->has_begun = true;
    bool is_end = self->no_wait && response->n_events == 0;
    int code = handle(self, response);
    stated__v1__watch_response__free_unpacked(response, NULL);
    if (code == FOLLOW_ON && (fflush(stdout) != 0 || is_end)) {
        code = EXIT_DONE;
    }
    return code;
}

/* FOLLOW_ON when it is worth trying again. */
static int take_failure(struct follow *self, const struct stated_status *status)
{
    bool may_pass = status->code == STATED_DEADLINE_EXCEEDED ||
                    (status->code == STATED_UNAVAILABLE && self->has_begun);
    if (!self->no_wait && self->has_begun && status->code == STATED_OUT_OF_RANGE) {
        error_say("changes were missed: %s", status->message);
        return EXIT_CALL + STATED_OUT_OF_RANGE;
    }
    if (self->no_wait || !may_pass) {
        return error_call(status);
    }
    if (!self->is_lost && status->code == STATED_UNAVAILABLE) {
        error_say("the connection is lost, trying again: %s", status->message);
        self->is_lost = true;
    }
    interrupt_sleep(RETRY_MS);
    return FOLLOW_ON;
}

/* Where "from now" is: what happens while a connection is lost must not be passed over. */
static int find_beginning(struct follow *self, struct ctl *ctl)
{
    struct follow now = {.select = self->select, .no_wait = true};
    struct stated_status status;
    Stated__V1__WatchResponse *response = call(&now, ctl, &status);
    if (response == NULL) {
        return interrupt_requested() != 0 ? interrupt_requested() : error_call(&status);
    }
    self->next_revision = response->next_revision;
    self->has_begun = true;
    stated__v1__watch_response__free_unpacked(response, NULL);
    return FOLLOW_ON;
}

int follow_run(struct follow *self, struct ctl *ctl)
{
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    code = self->next_revision == 0 ? find_beginning(self, ctl) : FOLLOW_ON;
    while (code == FOLLOW_ON) {
        struct stated_status status;
        Stated__V1__WatchResponse *response = call(self, ctl, &status);
        if (response != NULL) {
            code = take(self, response);
        } else if (interrupt_requested() == 0) {
            code = take_failure(self, &status);
        }
        if (interrupt_requested() != 0) {
            code = interrupt_requested();
        }
    }
    return code;
}
