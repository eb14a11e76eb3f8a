#include "echo_exchange.h"

#include "test.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a frame holds while it is in an exchange; hangs on exchange.calls. */
struct echo_frame {
    struct exchange *exchange;
    struct echo_frame *next;
    struct gate_party *party; /* whose calls it counts as; NULL: nobody's */
    size_t reply_bytes;
    size_t length;
    uint8_t body[];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    struct echo_frame *work;
    struct echo_frame *held;
    size_t n_held;
    bool stopping;
} guarded;
static pthread_t worker;

static struct echo_frame *frame_of(const struct exchange *exchange)
{
    return (struct echo_frame *)(void *)exchange->calls;
}

static void answer_all(struct echo_frame *frame)
{
    while (frame != NULL) {
        struct echo_frame *next = frame->next; /* answered frees the frame */
        if (frame->party != NULL) {
            atomic_fetch_sub(&frame->party->in_flight, ECHO_MANY_CALLS);
        }
        frame->exchange->answered(frame->exchange);
        frame = next;
    }
}

static void *work(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&mutex);
    while (guarded.work != NULL || !guarded.stopping) {
        struct echo_frame *frames = guarded.work;
        guarded.work = NULL;
        if (frames == NULL) {
            pthread_cond_wait(&changed, &mutex);
            continue;
        }
        pthread_mutex_unlock(&mutex);
        answer_all(frames);
        pthread_mutex_lock(&mutex);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

void echo_start(void)
{
    guarded.stopping = false;
    assert_int_equal(pthread_create(&worker, NULL, work, NULL), 0);
}

void echo_stop(void)
{
    pthread_mutex_lock(&mutex);
    guarded.stopping = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    pthread_join(worker, NULL);
}

size_t echo_held(void)
{
    pthread_mutex_lock(&mutex);
    size_t n = guarded.n_held;
    pthread_mutex_unlock(&mutex);
    return n;
}

void echo_wait_at_least(size_t n)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&mutex);
    int error = 0;
    while (guarded.n_held < n && error == 0) {
        error = pthread_cond_timedwait(&changed, &mutex, &until);
    }
    size_t held = guarded.n_held;
    pthread_mutex_unlock(&mutex);
    assert_true(held >= n);
}

void echo_wait_held(size_t n)
{
    echo_wait_at_least(n);
    assert_int_equal(echo_held(), n);
}

size_t echo_answer_held(void)
{
    pthread_mutex_lock(&mutex);
    struct echo_frame *frames = guarded.held;
    size_t n = guarded.n_held;
    guarded.held = NULL;
    guarded.n_held = 0;
    pthread_mutex_unlock(&mutex);
    answer_all(frames);
    return n;
}

void exchange_init(struct exchange *self, struct dispatch *dispatch,
                   void (*answered)(struct exchange *self))
{
    *self = (struct exchange){.dispatch = dispatch, .answered = answered};
}

void exchange_deinit(struct exchange *self)
{
    assert_null(self->calls);
}

static struct echo_frame *keep(struct exchange *self, const uint8_t *body, size_t length)
{
    struct echo_frame *frame = calloc(1, sizeof(*frame) + length);
    assert_non_null(frame);
    frame->exchange = self;
    frame->length = length;
    frame->reply_bytes = length > 0 && body[0] == ECHO_LARGE ? ECHO_LARGE_BYTES : length;
    memcpy(frame->body, body, length);
    self->calls = (struct stated_call *)(void *)frame;
    return frame;
}

void exchange_begin(struct exchange *self, const uint8_t *body, size_t length,
                    struct gate_party *party)
{
    assert_null(self->calls);
    assert_non_null(party);
    struct echo_frame *frame =
        self->over_share ? keep(self, (const uint8_t *)ECHO_REFUSED, 1) : keep(self, body, length);
    if (self->over_share) {
        self->answered(self);
        return;
    }
    char kind = length > 0 ? (char)body[0] : ECHO_AT_ONCE;
    if (kind != ECHO_BY_WORKER && kind != ECHO_WHEN_TOLD && kind != ECHO_MANY &&
        kind != ECHO_PARKED) {
        self->answered(self);
        return;
    }
    if (kind == ECHO_MANY) {
        frame->party = party;
        atomic_fetch_add(&party->in_flight, ECHO_MANY_CALLS);
    }
    if (kind == ECHO_PARKED && !self->set_aside(self)) {
        self->answered(self);
        return;
    }
    pthread_mutex_lock(&mutex);
    struct echo_frame **list = kind == ECHO_BY_WORKER ? &guarded.work : &guarded.held;
    frame->next = *list;
    *list = frame;
    guarded.n_held += kind != ECHO_BY_WORKER;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

size_t exchange_reply_size(struct exchange *self)
{
    return frame_of(self)->reply_bytes;
}

void exchange_put_reply(struct exchange *self, uint8_t *out)
{
    const struct echo_frame *frame = frame_of(self);
    memset(out, 0, frame->reply_bytes);
    memcpy(out, frame->body, frame->length);
}

void exchange_reset(struct exchange *self)
{
    free(frame_of(self));
    self->calls = NULL;
    self->over_share = false;
}
