/* The stream, and NNG's plain byte streams rather than its REQ sockets: those hang when a
   connection breaks while a message arrives, and then nothing of the process connects any more.
   Every operation is posted under the lock and only while the channel is not shut, and a stream is
   closed under it: so each operation that is posted comes to an end. NNG never calls back on the
   caller's stack. */
#include "channel.h"

#include "dial_error.h"
#include "endpoint.h"
#include "monotonic.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void on_dialed(void *argument);
static void on_retry(void *argument);

/* An endpoint among several may not keep the others waiting for long. */
#define DIAL_MS 10000
#define DIAL_ONE_OF_MANY_MS 2000

static void start_dial(struct channel *self)
{
    self->guarded.state = CHANNEL_DIALING;
    self->guarded.dialing = true;
    nng_aio_set_timeout(self->dial, self->n_endpoints > 1 ? DIAL_ONE_OF_MANY_MS : DIAL_MS);
    nng_stream_dialer_dial(self->endpoints[self->guarded.endpoint].dialer, self->dial);
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

void channel_fail_attempt(struct channel *self, int failure)
{
    self->guarded.state = CHANNEL_DOWN;
    self->guarded.failure = failure;
    channel_note_news(self, false, failure);
    self->guarded.endpoint = (self->guarded.endpoint + 1) % self->n_endpoints;
    self->guarded.round_failed = self->guarded.round_failed || self->guarded.endpoint == 0;
    pthread_cond_broadcast(&self->guarded.changed);
}

/* After a failed attempt, or a loss: at once while there are endpoints left in this round. */
static void dial_on(struct channel *self)
{
    if (self->guarded.endpoint != 0) {
        start_dial(self);
    } else {
        schedule_retry(self);
    }
}

static void on_dialed(void *argument)
{
    struct channel *self = argument;
    int error = nng_aio_result(self->dial);
    struct channel_settled settled;
    channel_settled_init(&settled);
    pthread_mutex_lock(&self->lock);
    self->guarded.dialing = false;
    bool shut = self->guarded.state == CHANNEL_SHUT;
    if (error == 0) {
        self->guarded.stream = nng_aio_get_output(self->dial, 0);
    }
    if (shut) {
        channel_leave_connection(self);
    } else if (error != 0) {
        channel_fail_attempt(self, error);
        dial_on(self);
    } else {
        self->guarded.state = CHANNEL_GREETING;
        self->marked = self->endpoints[self->guarded.endpoint].marked;
        self->greeted = false;
        self->input_begin = 0;
        self->input_end = 0;
        channel_send_greeting(self);
        channel_receive_more(self);
    }
    channel_resend(self, &settled);
    pthread_mutex_unlock(&self->lock);
    channel_finish(self, &settled);
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
    bool was_up = self->guarded.state == CHANNEL_UP;
    nng_stream_close(self->guarded.stream);
    channel_fail_attempt(self, failure);
    if (was_up) {
        self->guarded.endpoint = 0; /* the preferred one first */
        self->guarded.round_failed = false;
    }
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
        dial_on(self);
    }
}

/* Of several endpoints: what became of the last. */
static enum stated_code explain_open(const struct channel *self, int failure, const uint8_t *said,
                                     uint32_t connect_timeout_ms, struct stated_status *status)
{
    struct stated_status last;
    const char *endpoint = self->endpoints[self->n_endpoints - 1].url;
    enum stated_code code = dial_error_explain(failure, said, endpoint, connect_timeout_ms, &last);
    return self->n_endpoints == 1
               ? stated_status_set(status, code, "%s", last.message)
               : stated_status_set(status, code, "none of %zu endpoints will do; the last: %s",
                                   self->n_endpoints, last.message);
}

static enum stated_code wait_connected(struct channel *self, uint32_t connect_timeout_ms,
                                       struct stated_status *status)
{
    uint8_t said[FRAMING_GREETING_BYTES];
    uint64_t deadline_ns = clock_now_ns() + connect_timeout_ms * CLOCK_NS_PER_MS;
    pthread_mutex_lock(&self->lock);
    while (self->guarded.state != CHANNEL_UP && !self->guarded.round_failed &&
           clock_now_ns() < deadline_ns) {
        monotonic_cond_wait(&self->guarded.changed, &self->lock, deadline_ns);
    }
    bool connected = self->guarded.state == CHANNEL_UP;
    int failure = self->guarded.round_failed ? self->guarded.failure : 0;
    memcpy(said, self->guarded.said, sizeof(said));
    pthread_mutex_unlock(&self->lock);
    return connected ? STATED_OK : explain_open(self, failure, said, connect_timeout_ms, status);
}

/* 0 or NNG's error. list: with commas between the URLs. */
static int make_endpoints(struct channel *self, const char *list)
{
    ProtobufCAllocator *memory = self->options.memory;
    size_t n = endpoint_count(list);
    self->endpoints = memory_take(memory, n * sizeof(self->endpoints[0]));
    if (self->endpoints == NULL) {
        return NNG_ENOMEM;
    }
    for (; self->n_endpoints < n; list += endpoint_length(list) + 1) {
        size_t length = endpoint_length(list);
        struct channel_endpoint *endpoint = &self->endpoints[self->n_endpoints];
        *endpoint = (struct channel_endpoint){.url = memory_take(memory, length + 1)};
        if (endpoint->url == NULL) {
            return NNG_ENOMEM;
        }
        self->n_endpoints++;
        memcpy(endpoint->url, list, length);
        endpoint->url[length] = '\0';
        endpoint->marked = strncmp(endpoint->url, "ipc:", 4) == 0;
        int error = nng_stream_dialer_alloc(&endpoint->dialer, endpoint->url);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* 0 or NNG's error; whatever it has made is freed by free_parts. */
static int make_parts(struct channel *self)
{
    ProtobufCAllocator *memory = self->options.memory;
    self->input = memory_take(memory, CHANNEL_BUFFER_BYTES);
    self->batch = memory_take(memory, CHANNEL_BATCH_BYTES);
    if (self->input == NULL || self->batch == NULL) {
        return NNG_ENOMEM;
    }
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
    return error == 0 ? make_endpoints(self, self->options.endpoints) : error;
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
    for (size_t i = 0; i < self->n_endpoints; i++) {
        if (self->endpoints[i].dialer != NULL) {
            nng_stream_dialer_free(self->endpoints[i].dialer);
        }
        memory_give(memory, self->endpoints[i].url);
    }
    pthread_cond_destroy(&self->guarded.changed);
    pthread_mutex_destroy(&self->lock);
    flights_deinit(&self->guarded.flights);
    memory_give(memory, self->endpoints);
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
    *self = (struct channel){.options = *options, .input_capacity = CHANNEL_BUFFER_BYTES};
    self->guarded.coalesce = options->coalesce;
    self->guarded.retry_ms = CHANNEL_RETRY_MIN_MS;
    list_init(&self->guarded.unsent);
    list_init(&self->guarded.resting);
    list_init(&self->guarded.ending);
    flights_init(&self->guarded.flights, options->memory);
    monotonic_cond_init(&self->guarded.changed);
    pthread_mutex_init(&self->lock, NULL);
    int error = take_identity(self) ? make_parts(self) : NNG_EINTERNAL;
    if (error != 0) {
        free_parts(self);
        return dial_error_explain(error, NULL, options->endpoints, options->connect_timeout_ms,
                                  status);
    }
    self->options.endpoints = NULL; /* the caller's */
    pthread_mutex_lock(&self->lock);
    start_dial(self);
    pthread_mutex_unlock(&self->lock);
    enum stated_code code = options->connect_timeout_ms == 0
                                ? STATED_OK
                                : wait_connected(self, options->connect_timeout_ms, status);
    if (code != STATED_OK) {
        channel_shut(self);
        channel_join(self);
        channel_deinit(self);
    }
    return code;
}

void channel_look(struct channel *self, const char **endpoint, bool *connected, bool *busy)
{
    pthread_mutex_lock(&self->lock);
    *endpoint = self->endpoints[self->guarded.endpoint].url;
    *connected = self->guarded.state == CHANNEL_UP;
    *busy = self->guarded.n_sent >= self->options.max_calls;
    pthread_mutex_unlock(&self->lock);
}

void channel_shut(struct channel *self)
{
    pthread_mutex_lock(&self->lock);
    self->guarded.state = CHANNEL_SHUT;
    for (size_t i = 0; i < self->n_endpoints; i++) {
        nng_stream_dialer_close(self->endpoints[i].dialer);
    }
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
           self->guarded.finishing == 0 && self->guarded.stream == NULL;
}

void channel_join(struct channel *self)
{
    pthread_mutex_lock(&self->lock);
    while (!is_at_rest(self)) {
        pthread_cond_wait(&self->guarded.changed, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

void channel_deinit(struct channel *self)
{
    free_parts(self);
}
