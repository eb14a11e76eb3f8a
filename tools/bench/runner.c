/* Lanes run on the client library's threads: each callback records its call and sends the lane's
   next one. What they share is atomic, or written once under the mutex; a record's slot belongs to
   the lane that took its number. The thread that runs waits for the last lane to end. */
#include "bench/runner.h"

#include "base/clock.h"
#include "base/monotonic.h"
#include "bench/lane.h"
#include "bench/pacer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PROGRESS_NS (500 * CLOCK_NS_PER_MS)

enum {
    ERRORS_IN_A_ROW = 200, /* of all lanes together, before the run is given up */
};

struct runner {
    const struct bench_options *options;
    const struct keyspace *keyspace;
    struct workload workload;
    struct stated_client **clients;
    struct lane *lanes;
    char *values;
    uint32_t n_lanes;
    struct pacer pacer; /* with a rate */

    struct oracle_step *steps; /* one per kept call */
    size_t capacity;           /* calls that may be sent */

    _Atomic uint64_t next_slot;
    _Atomic uint64_t started_ns; /* the measurement; 0 while warming up */
    _Atomic uint64_t epoch;
    _Atomic uint64_t errors[RUNNER_CODES];
    _Atomic uint64_t late;
    _Atomic uint32_t errors_in_a_row;
    _Atomic uint32_t lanes_left;
    atomic_bool stopping;
    atomic_bool interrupted;
    atomic_bool restarted;

    pthread_cond_t ended;
    struct {
        pthread_mutex_t mutex;
        uint64_t ended_ns;          /* set by the last lane; 0 = still running */
        struct stated_status error; /* the first one */
    } guarded;

    struct runner_result result;
};

static void lane_next(struct lane *lane);

/* A call that is sent this much after it was due is counted as late. */
#define LATE_NS CLOCK_NS_PER_MS

static uint64_t relaxed(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* The next slot, or false when the run is over. */
static bool runner_take_slot(struct runner *self, size_t *slot)
{
    uint64_t started_ns = relaxed(&self->started_ns);
    if (atomic_load_explicit(&self->stopping, memory_order_relaxed)) {
        return false;
    }
    if (self->options->duration_ns != 0 && started_ns != 0 &&
        clock_now_ns() - started_ns >= self->options->duration_ns) {
        return false;
    }
    *slot = atomic_fetch_add_explicit(&self->next_slot, 1, memory_order_relaxed);
    if (*slot == self->options->warmup) {
        atomic_store_explicit(&self->started_ns, clock_now_ns(), memory_order_relaxed);
    }
    return *slot < self->capacity;
}

static void runner_error(struct runner *self, const struct stated_status *status)
{
    unsigned code = (unsigned)status->code;
    atomic_fetch_add_explicit(&self->errors[code < RUNNER_CODES ? code : STATED_UNKNOWN], 1,
                              memory_order_relaxed);
    uint32_t in_a_row =
        atomic_fetch_add_explicit(&self->errors_in_a_row, 1, memory_order_relaxed) + 1;
    if (in_a_row == 1) {
        pthread_mutex_lock(&self->guarded.mutex);
        if (self->guarded.error.code == STATED_OK) {
            self->guarded.error = *status;
        }
        pthread_mutex_unlock(&self->guarded.mutex);
    }
    if (in_a_row >= ERRORS_IN_A_ROW) {
        atomic_store_explicit(&self->stopping, true, memory_order_relaxed);
    }
}

/* Every reply names the epoch that its ticket belongs to. */
static void runner_see_epoch(struct runner *self, uint64_t epoch)
{
    uint64_t seen = relaxed(&self->epoch);
    if (seen == 0 && atomic_compare_exchange_strong(&self->epoch, &seen, epoch)) {
        return;
    }
    if (seen != epoch) {
        atomic_store_explicit(&self->restarted, true, memory_order_relaxed);
    }
}

/* Counts an outcome and gives the record of the call, with no steps yet. */
static struct oracle_call runner_outcome(struct lane *lane, const struct stated_status *status)
{
    struct runner *self = lane->runner;
    struct oracle_call call = {
        .ticket = status->order.ticket, .sent_ns = lane->sent_ns, .received_ns = clock_now_ns()};
    if (status->order.epoch != 0) {
        runner_see_epoch(self, status->order.epoch);
    }
    if (status->code != STATED_OK) {
        /* Without an epoch no reply came; UNKNOWN is the server saying that it cannot tell. */
        call.lost = status->order.epoch == 0 || status->code == STATED_UNKNOWN;
        runner_error(self, status);
        return call;
    }
    if (atomic_load_explicit(&self->errors_in_a_row, memory_order_relaxed) != 0) {
        atomic_store_explicit(&self->errors_in_a_row, 0, memory_order_relaxed);
    }
    if (lane->slot >= self->options->warmup) {
        histogram_record(lane->asked.read ? &self->result.reads : &self->result.writes,
                         call.received_ns - (lane->due_ns != 0 ? lane->due_ns : call.sent_ns));
    }
    return call;
}

/* Keeps the call for the check, and in the order log if there is one. */
static void runner_keep(struct lane *lane, struct oracle_call call, struct oracle_step step,
                        const struct stated_status *status, const ProtobufCMessage *response)
{
    struct runner *self = lane->runner;
    journal_append(self->keyspace->journal, lane_request(lane), response, status, call.sent_ns,
                   call.received_ns);
    if (self->result.calls == NULL) {
        return;
    }
    self->steps[lane->slot] = step;
    call.steps = &self->steps[lane->slot];
    self->result.calls[lane->slot] = call;
}

static void on_read(void *argument, const struct stated_status *status,
                    Stated__V1__ReadResponse *response)
{
    struct lane *lane = argument;
    struct oracle_call call = runner_outcome(lane, status);
    if (status->code != STATED_OK) {
        runner_keep(lane, call, (struct oracle_step){0}, status, NULL);
    } else {
        /* Without a ticket it has no place in the order that the check goes by. */
        call.n_steps = lane->runner->options->committed ? 0 : 1;
        call.revision = response->revision;
        runner_keep(lane, call, lane_read_step(lane, response), status, &response->base);
        stated__v1__read_response__free_unpacked(response, NULL);
    }
    lane_next(lane);
}

static void on_write(void *argument, const struct stated_status *status,
                     Stated__V1__WriteResponse *response)
{
    struct lane *lane = argument;
    struct oracle_call call = runner_outcome(lane, status);
    if (status->code != STATED_OK) {
        call.n_steps = call.lost ? 1 : 0;
        runner_keep(lane, call, lane_write_step(lane), status, NULL);
    } else {
        call.n_steps = 1;
        call.writes = true;
        call.revision = response->revision;
        runner_keep(lane, call, lane_write_step(lane), status, &response->base);
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    lane_next(lane);
}

static void lane_end(struct lane *lane)
{
    struct runner *self = lane->runner;
    if (atomic_fetch_sub(&self->lanes_left, 1) == 1) {
        pthread_mutex_lock(&self->guarded.mutex);
        self->guarded.ended_ns = clock_now_ns();
        pthread_cond_signal(&self->ended);
        pthread_mutex_unlock(&self->guarded.mutex);
    }
}

/* Sends the call that the slot was taken for. One that cannot start is an error like any other. */
static bool lane_start(struct lane *lane)
{
    struct runner *self = lane->runner;
    struct stated_status status;
    lane->asked = workload_next(&self->workload, &lane->stream);
    if (lane_send(lane, on_read, on_write, &status) == STATED_OK) {
        return true;
    }
    runner_error(self, &status);
    if (self->result.calls != NULL) {
        self->result.calls[lane->slot] = (struct oracle_call){0};
    }
    return false;
}

/* The lane has no call in flight: sends its next one, or ends it. */
static void lane_next(struct lane *lane)
{
    struct runner *self = lane->runner;
    if (self->options->rate != 0) {
        pacer_give(&self->pacer, lane);
        return;
    }
    while (runner_take_slot(self, &lane->slot)) {
        if (lane_start(lane)) {
            return;
        }
    }
    lane_end(lane);
}

/* The pacer's: the open loop. */

static bool send_due(struct lane *lane, uint64_t due_ns)
{
    struct runner *self = lane->runner;
    if (!runner_take_slot(self, &lane->slot)) {
        return false;
    }
    lane->due_ns = due_ns;
    if (clock_now_ns() > due_ns + LATE_NS) {
        atomic_fetch_add_explicit(&self->late, 1, memory_order_relaxed);
    }
    if (!lane_start(lane)) {
        pacer_give(&self->pacer, lane);
    }
    return true;
}

static bool is_over(const void *runner)
{
    const struct runner *self = runner;
    return atomic_load_explicit(&self->stopping, memory_order_relaxed);
}

static const struct pacer_ops pacer_ops = {.send = send_due, .is_over = is_over, .end = lane_end};

static enum stated_code runner_allocate_lanes(struct runner *self, struct stated_status *status)
{
    const struct bench_options *options = self->options;
    self->values = malloc((size_t)self->n_lanes * options->value_bytes + 1);
    self->lanes = calloc(self->n_lanes, sizeof *self->lanes);
    self->clients = calloc(options->connections, sizeof(struct stated_client *));
    if (self->values == NULL || self->lanes == NULL || self->clients == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "no memory for %u calls in flight of %u bytes",
                                 (unsigned)self->n_lanes, (unsigned)options->value_bytes);
    }
    return STATED_OK;
}

/* Room for one call more than are sent: the check adds what the keys hold at the end. */
static enum stated_code runner_allocate_record(struct runner *self, struct stated_status *status)
{
    self->capacity = self->options->calls + self->options->warmup;
    if (!self->options->check) {
        return STATED_OK;
    }
    if (self->capacity > BENCH_MAX_CHECKED_CALLS) {
        self->capacity = BENCH_MAX_CHECKED_CALLS;
    }
    self->result.calls = malloc((self->capacity + 1) * sizeof *self->result.calls);
    self->steps = malloc(self->capacity * sizeof *self->steps);
    if (self->result.calls == NULL || self->steps == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "no memory to keep %zu calls for the order check; ask for fewer "
                                 "--calls, or for --no-check",
                                 self->capacity);
    }
    return STATED_OK;
}

static enum stated_code runner_allocate_pacer(struct runner *self, struct stated_status *status)
{
    const struct bench_options *options = self->options;
    if (options->rate == 0 ||
        pacer_init(&self->pacer, options->rate, self->n_lanes, &pacer_ops, self) == STATED_OK) {
        return STATED_OK;
    }
    return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for %u calls in flight",
                             (unsigned)self->n_lanes);
}

static enum stated_code runner_connect(struct runner *self, struct stated_status *status)
{
    const struct bench_options *options = self->options;
    struct stated_client_options client_options = STATED_CLIENT_OPTIONS_INIT;
    client_options.endpoint = options->endpoint;
    client_options.timeout_ms = options->timeout_ms;
    client_options.max_calls = options->in_flight;
    client_options.coalesce = options->coalesce;
    client_options.number_writes = options->number_writes;
    for (uint32_t i = 0; i < options->connections; i++) {
        enum stated_code code = stated_client_open(&client_options, &self->clients[i], status);
        if (code != STATED_OK) {
            return code;
        }
    }
    for (uint32_t i = 0; i < self->n_lanes; i++) {
        lane_init(&self->lanes[i], self, self->clients[i % options->connections], self->keyspace,
                  self->values + (size_t)i * options->value_bytes, options->value_bytes);
        workload_stream_init(&self->lanes[i].stream, options->seed, i);
        if (options->committed) {
            lane_read_committed(&self->lanes[i]);
        }
    }
    return STATED_OK;
}

enum stated_code runner_new(const struct bench_options *options, const struct keyspace *keyspace,
                            struct runner **runner, struct stated_status *status)
{
    struct runner *self = calloc(1, sizeof *self);
    *runner = NULL;
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for the run");
    }
    self->options = options;
    self->keyspace = keyspace;
    self->n_lanes = options->connections * options->in_flight;
    pthread_mutex_init(&self->guarded.mutex, NULL);
    if (monotonic_cond_init(&self->ended) != 0) {
        pthread_mutex_destroy(&self->guarded.mutex);
        free(self);
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for the run");
    }
    workload_init(&self->workload, options->keys, options->read_percent, options->distribution);
    enum stated_code code = runner_allocate_pacer(self, status);
    if (code == STATED_OK) {
        code = runner_allocate_lanes(self, status);
    }
    if (code == STATED_OK) {
        code = runner_allocate_record(self, status);
    }
    if (code == STATED_OK) {
        code = runner_connect(self, status);
    }
    if (code != STATED_OK) {
        runner_free(self);
        return code;
    }
    *runner = self;
    return STATED_OK;
}

struct stated_client *runner_client(struct runner *self)
{
    return self->clients[0];
}

/* Until the last lane has ended or the time is over; when it ended, 0 = still running. */
static uint64_t runner_await(struct runner *self, uint64_t deadline_ns)
{
    pthread_mutex_lock(&self->guarded.mutex);
    while (self->guarded.ended_ns == 0 &&
           monotonic_cond_wait(&self->ended, &self->guarded.mutex, deadline_ns)) {
    }
    uint64_t ended_ns = self->guarded.ended_ns;
    pthread_mutex_unlock(&self->guarded.mutex);
    return ended_ns;
}

/* Until the last lane has ended, telling about progress meanwhile; when that was. */
static uint64_t runner_wait(struct runner *self, runner_progress progress)
{
    const uint64_t begin_ns = clock_now_ns();
    for (;;) {
        uint64_t ended_ns = runner_await(self, clock_now_ns() + PROGRESS_NS);
        if (ended_ns != 0) {
            return ended_ns;
        }
        if (progress != NULL) {
            progress(relaxed(&self->next_slot), clock_now_ns() - begin_ns);
        }
    }
}

const struct runner_result *runner_run(struct runner *self, runner_progress progress)
{
    struct runner_result *result = &self->result;
    atomic_store(&self->lanes_left, self->n_lanes);
    for (uint32_t i = 0; i < self->n_lanes; i++) {
        lane_next(&self->lanes[i]);
    }
    bool paced = self->options->rate != 0 && pacer_start(&self->pacer) == STATED_OK;
    if (self->options->rate != 0 && !paced) {
        stated_status_set(&result->error, STATED_RESOURCE_EXHAUSTED, "no thread for the open loop");
        result->gave_up = true;
        return result;
    }
    uint64_t ended_ns = runner_wait(self, progress);
    if (paced) {
        pacer_join(&self->pacer);
    }

    uint64_t taken = relaxed(&self->next_slot);
    result->n_calls = taken < self->capacity ? taken : self->capacity;
    result->full = self->options->duration_ns != 0 && taken > self->capacity;
    uint64_t started_ns = relaxed(&self->started_ns);
    result->elapsed_ns = started_ns == 0 ? 0 : ended_ns - started_ns;
    for (unsigned code = 0; code < RUNNER_CODES; code++) {
        result->errors[code] = relaxed(&self->errors[code]);
    }
    result->late = relaxed(&self->late);
    result->error = self->guarded.error;
    result->restarted = atomic_load(&self->restarted);
    result->interrupted = atomic_load(&self->interrupted);
    result->gave_up = atomic_load(&self->stopping) && !result->interrupted;
    return result;
}

void runner_interrupt(struct runner *self)
{
    atomic_store(&self->interrupted, true);
    atomic_store(&self->stopping, true);
}

void runner_free(struct runner *self)
{
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; self->clients != NULL && i < self->options->connections; i++) {
        stated_client_close(self->clients[i]);
    }
    if (self->pacer.idle != NULL) {
        pacer_deinit(&self->pacer);
    }
    pthread_mutex_destroy(&self->guarded.mutex);
    pthread_cond_destroy(&self->ended);
    free(self->steps);
    free(self->result.calls);
    free(self->clients);
    free(self->lanes);
    free(self->values);
    free(self);
}
