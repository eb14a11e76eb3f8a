/* The stream, and NNG's plain byte streams rather than its REQ sockets: those hang when a
   connection breaks while a message arrives, and then nothing of the process connects any more.
   Every operation is posted under the lock and only while the channel is not shut, and a stream is
   closed under it: so each operation that is posted comes to an end. NNG never calls back on the
   caller's stack. */
#include "channel.h"

#include "dial_error.h"
#include "monotonic.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void on_dialed(void *argument);
static void on_retry(void *argument);

static void start_dial(struct channel *self)
{
    self->guarded.state = CHANNEL_DIALING;
    self->guarded.dialing = true;
    nng_stream_dialer_dial(self->dialer, self->dial);
}

/* Between half and all of the pause, so that many clients do not come back at once. */
static void schedule_retry(struct channel *self)
{
    uint64_t now = clock_now_ns();
    uint64_t pause_ns = self->guarded.retry_ms * CLOCK_NS_PER_MS;
    uint32_t next_ms = self->guarded.retry_ms * 2;
    self->guarded.retry_ms = next_ms < CHANNEL_RETRY_MAX_MS ? next_ms : CHANNEL_RETRY_MAX_MS;
    alarm_set(&self->guarded.retry, now + pause_ns / 2 + now % 1024 * (pause_ns / 2) / 1024);
}

static void fail_attempt(struct channel *self, int failure)
{
    self->guarded.state = CHANNEL_DOWN;
    self->guarded.failure = failure;
    pthread_cond_broadcast(&self->guarded.changed);
}

static void on_dialed(void *argument)
{
    struct channel *self = argument;
    int error = nng_aio_result(self->dial);
    pthread_mutex_lock(&self->lock);
    self->guarded.dialing = false;
    bool shut = self->guarded.state == CHANNEL_SHUT;
    if (error == 0) {
        self->guarded.stream = nng_aio_get_output(self->dial, 0);
    }
    if (shut) {
        channel_leave_connection(self);
    } else if (error != 0) {
        fail_attempt(self, error);
        schedule_retry(self);
    } else {
        self->guarded.state = CHANNEL_GREETING;
        self->greeted = false;
        self->input_begin = 0;
        self->input_end = 0;
        channel_send_greeting(self);
        channel_receive_more(self);
    }
    pthread_mutex_unlock(&self->lock);
}

static void on_retry(void *argument)
{
    struct channel *self = argument;
    pthread_mutex_lock(&self->lock);
    alarm_went_off(&self->guarded.retry);
    if (self->guarded.state == CHANNEL_SHUT) {
        pthread_cond_broadcast(&self->guarded.changed);
    } else {
        start_dial(self);
    }
    pthread_mutex_unlock(&self->lock);
}

/* The calls of a flight, which has lost its connection. */
static void lose_flight(struct channel *self, struct flight *flight,
                        struct channel_settled *settled)
{
    bool last = false;
    while (!last) {
        struct slot *slot = CONTAINER_OF(list_first(&flight->calls), struct slot, node);
        last = slot->node.next == &flight->calls.head;
        channel_remove(self, slot);
        channel_judge_loss(self, slot, NNG_ECONNRESET, settled);
    }
}

void channel_drop_connection(struct channel *self, int failure, struct channel_settled *settled)
{
    if (self->guarded.state != CHANNEL_GREETING && self->guarded.state != CHANNEL_UP) {
        return;
    }
    nng_stream_close(self->guarded.stream);
    fail_attempt(self, failure);
    struct list_node *node;
    while ((node = list_first(&self->guarded.flights.list)) != NULL) {
        lose_flight(self, CONTAINER_OF(node, struct flight, node), settled);
    }
}

void channel_leave_connection(struct channel *self)
{
    if (self->guarded.receiving || self->guarded.sending) {
        return;
    }
    if (self->guarded.stream != NULL) {
        nng_stream_free(self->guarded.stream);
        self->guarded.stream = NULL;
    }
    if (self->guarded.state == CHANNEL_SHUT) {
        pthread_cond_broadcast(&self->guarded.changed);
    } else {
        schedule_retry(self);
    }
}

static enum stated_code wait_connected(struct channel *self, uint32_t connect_timeout_ms,
                                       struct stated_status *status)
{
    uint64_t deadline_ns = clock_now_ns() + connect_timeout_ms * CLOCK_NS_PER_MS;
    pthread_mutex_lock(&self->lock);
    while (self->guarded.state != CHANNEL_UP && self->guarded.failure == 0 &&
           clock_now_ns() < deadline_ns) {
        monotonic_cond_wait(&self->guarded.changed, &self->lock, deadline_ns);
    }
    bool connected = self->guarded.state == CHANNEL_UP;
    int failure = self->guarded.failure;
    pthread_mutex_unlock(&self->lock);
    return connected ? STATED_OK
                     : dial_error_explain(failure, self->endpoint, connect_timeout_ms, status);
}

/* 0 or NNG's error; whatever it has made is freed by free_parts. */
static int make_parts(struct channel *self, const char *endpoint)
{
    ProtobufCAllocator *memory = self->options.memory;
    size_t endpoint_bytes = strlen(endpoint) + 1;
    self->endpoint = memory_take(memory, endpoint_bytes);
    self->input = memory_take(memory, CHANNEL_BUFFER_BYTES);
    self->batch = memory_take(memory, CHANNEL_BATCH_BYTES);
    if (self->endpoint == NULL || self->input == NULL || self->batch == NULL) {
        return NNG_ENOMEM;
    }
    memcpy(self->endpoint, endpoint, endpoint_bytes);
    int error = nng_aio_alloc(&self->dial, on_dialed, self);
    if (error == 0) {
        error = nng_aio_alloc(&self->receive, channel_on_received, self);
    }
    if (error == 0) {
        error = nng_aio_alloc(&self->send, channel_on_sent, self);
    }
    if (error == 0) {
        error = alarm_init(&self->guarded.timer, channel_on_timer, self);
    }
    if (error == 0) {
        error = alarm_init(&self->guarded.retry, on_retry, self);
    }
    return error == 0 ? nng_stream_dialer_alloc(&self->dialer, endpoint) : error;
}

/* No callback is to come any more; one may still be returning. */
static void free_parts(struct channel *self)
{
    ProtobufCAllocator *memory = self->options.memory;
    nng_aio_free(self->dial);
    nng_aio_free(self->receive);
    nng_aio_free(self->send);
    alarm_deinit(&self->guarded.timer);
    alarm_deinit(&self->guarded.retry);
    if (self->dialer != NULL) {
        nng_stream_dialer_free(self->dialer);
    }
    pthread_cond_destroy(&self->guarded.changed);
    pthread_mutex_destroy(&self->lock);
    flights_deinit(&self->guarded.flights);
    memory_give(memory, self->endpoint);
    memory_give(memory, self->input);
    memory_give(memory, self->batch);
    memory_give(memory, self->large);
}

/* Who this client is, and where its dice start. */
static bool take_identity(struct channel *self)
{
    uint8_t id[NUMBERING_ID_BYTES];
    uint32_t seed;
    if (getrandom(id, sizeof(id), 0) != sizeof(id) ||
        getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        return false;
    }
    numbering_init(&self->guarded.numbering, id);
    self->guarded.random = seed | 1;
    return true;
}

enum stated_code channel_open(struct channel *self, const struct channel_options *options,
                              struct stated_status *status)
{
    const char *endpoint = options->endpoint;
    *self = (struct channel){.options = *options,
                             .marked = strncmp(endpoint, "ipc:", 4) == 0,
                             .input_capacity = CHANNEL_BUFFER_BYTES};
    self->guarded.coalesce = options->coalesce;
    self->guarded.retry_ms = CHANNEL_RETRY_MIN_MS;
    list_init(&self->guarded.unsent);
    list_init(&self->guarded.resting);
    list_init(&self->guarded.ending);
    flights_init(&self->guarded.flights, options->memory);
    monotonic_cond_init(&self->guarded.changed);
    pthread_mutex_init(&self->lock, NULL);
    int error = take_identity(self) ? make_parts(self, endpoint) : NNG_EINTERNAL;
    if (error != 0) {
        free_parts(self);
        return dial_error_explain(error, endpoint, options->connect_timeout_ms, status);
    }
    pthread_mutex_lock(&self->lock);
    start_dial(self);
    pthread_mutex_unlock(&self->lock);
    enum stated_code code = options->connect_timeout_ms == 0
                                ? STATED_OK
                                : wait_connected(self, options->connect_timeout_ms, status);
    if (code != STATED_OK) {
        channel_shut(self);
        channel_deinit(self);
    }
    return code;
}

void channel_look(struct channel *self, bool *connected, bool *busy)
{
    pthread_mutex_lock(&self->lock);
    *connected = self->guarded.state == CHANNEL_UP;
    *busy = self->guarded.n_sent >= self->options.max_calls;
    pthread_mutex_unlock(&self->lock);
}

void channel_shut(struct channel *self)
{
    pthread_mutex_lock(&self->lock);
    self->guarded.state = CHANNEL_SHUT;
    nng_stream_dialer_close(self->dialer);
    if (self->guarded.stream != NULL) {
        nng_stream_close(self->guarded.stream);
    }
    /* Both go off at once: the one ends what is on its way, the other does not dial again. */
    alarm_set(&self->guarded.timer, 0);
    alarm_set(&self->guarded.retry, 0);
    pthread_mutex_unlock(&self->lock);
}

static bool is_at_rest(const struct channel *self)
{
    return !self->guarded.dialing && !self->guarded.receiving && !self->guarded.sending &&
           !self->guarded.timer.is_set && !self->guarded.retry.is_set &&
           self->guarded.stream == NULL;
}

void channel_deinit(struct channel *self)
{
    pthread_mutex_lock(&self->lock);
    while (!is_at_rest(self)) {
        pthread_cond_wait(&self->guarded.changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    free_parts(self);
}
