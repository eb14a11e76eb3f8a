/* The receive is posted only when the send has completed: a context that is asked for the reply to
   what it has not sent yet does not cancel cleanly. Closing goes through the socket and not through
   the aio, because an operation begun on a stopped aio never calls back; `lock` makes sure that
   nobody is inside a context when NNG takes it apart. */
#include "slot.h"

#include "base/clock.h"

static void on_step(void *argument);

int slot_open(struct slot *self, nng_socket socket, slot_done done, void *owner)
{
    *self = (struct slot){.done = done, .owner = owner};
    pthread_mutex_init(&self->lock, NULL);
    int error = nng_ctx_open(&self->context, socket);
    if (error != 0) {
        pthread_mutex_destroy(&self->lock);
    }
    return error;
}

void slot_shut(struct slot *self)
{
    pthread_mutex_lock(&self->lock);
    self->shut = true;
    pthread_mutex_unlock(&self->lock);
}

void slot_deinit(struct slot *self)
{
    nng_aio_free(self->told);
    nng_aio_free(self->waited);
    pthread_mutex_destroy(&self->lock);
}

/* Rounded up: a call that ends before its deadline has not had its time. */
static nng_duration remaining_ms(uint64_t deadline_ns)
{
    uint64_t now = clock_now_ns();
    uint64_t left_ns = deadline_ns > now ? deadline_ns - now : 0;
    uint64_t left_ms = (left_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    /* 0 would mean "do not wait at all" and a negative one "for ever". */
    return left_ms < 1 ? 1 : left_ms > INT32_MAX ? INT32_MAX : (nng_duration)left_ms;
}

/* What NNG says, except that once the slot is shut its connection is lost because we close it. */
static int result_of(struct slot *self, nng_aio *aio)
{
    int error = nng_aio_result(aio);
    if (error != 0) {
        pthread_mutex_lock(&self->lock);
        error = self->shut ? NNG_ECLOSED : error;
        pthread_mutex_unlock(&self->lock);
    }
    return error;
}

/* Runs one of NNG's context functions unless the slot is shut. */
static bool enter(struct slot *self, nng_aio *aio, void (*operation)(nng_ctx, nng_aio *))
{
    nng_aio_set_timeout(aio, remaining_ms(self->deadline_ns));
    pthread_mutex_lock(&self->lock);
    bool entered = !self->shut;
    if (entered) {
        operation(self->context, aio);
    }
    pthread_mutex_unlock(&self->lock);
    return entered;
}

void slot_exchange(struct slot *self, nng_msg *request, uint64_t deadline_ns,
                   struct outcome *outcome)
{
    *outcome = (struct outcome){.error = NNG_ECLOSED};
    self->deadline_ns = deadline_ns;
    if (self->waited == NULL) {
        int error = nng_aio_alloc(&self->waited, NULL, NULL);
        if (error != 0) {
            outcome->error = error;
            nng_msg_free(request);
            return;
        }
    }
    nng_aio_set_msg(self->waited, request);
    if (enter(self, self->waited, nng_ctx_send)) {
        nng_aio_wait(self->waited);
        outcome->error = result_of(self, self->waited);
    }
    if (outcome->error != 0) {
        nng_msg_free(request);
        return;
    }
    outcome->sent = true;
    outcome->error = NNG_ECLOSED;
    if (enter(self, self->waited, nng_ctx_recv)) {
        nng_aio_wait(self->waited);
        outcome->error = result_of(self, self->waited);
    }
    if (outcome->error == 0) {
        outcome->reply = nng_aio_get_msg(self->waited);
    }
}

int slot_start(struct slot *self, nng_msg *request, uint64_t deadline_ns)
{
    self->deadline_ns = deadline_ns;
    self->receiving = false;
    if (self->told == NULL) {
        int error = nng_aio_alloc(&self->told, on_step, self);
        if (error != 0) {
            return error;
        }
    }
    nng_aio_set_msg(self->told, request);
    return enter(self, self->told, nng_ctx_send) ? 0 : NNG_ECLOSED;
}

/* The send of slot_start is done, or its receive. */
static void on_step(void *argument)
{
    struct slot *self = argument;
    struct outcome outcome = {.error = result_of(self, self->told), .sent = self->receiving};
    if (outcome.error == 0 && !self->receiving) {
        self->receiving = true;
        if (enter(self, self->told, nng_ctx_recv)) {
            return;
        }
        outcome = (struct outcome){.error = NNG_ECLOSED, .sent = true};
    } else if (outcome.error == 0) {
        outcome.reply = nng_aio_get_msg(self->told);
    } else if (!self->receiving) {
        nng_msg_free(nng_aio_get_msg(self->told));
    }
    self->done(self, &outcome);
}
