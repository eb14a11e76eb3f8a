#include "net/upkeep.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A first request is due within this, however long connections may be silent later. */
#define FIRST_REQUEST_MS 30000
/* How much later than its limit a silent connection may be found: an eighth of it, within these. */
#define SWEEP_MIN_MS 20
#define SWEEP_MAX_MS 5000
/* An endpoint that has not accepted within this is deaf. NNG itself pauses for 100 ms at times. */
#define PROBE_TIMEOUT_MS 3000
/* Between two looks at a try that waits for nothing that could wake the thread, and between two
   attempts at opening slots while memory is out. */
#define RETRY_MS 50

static uint64_t ns_of_ms(uint64_t ms)
{
    return ms * CLOCK_NS_PER_MS;
}

static uint32_t first_request_ms(const struct upkeep *self)
{
    uint32_t idle_ms = self->options.idle_timeout_ms;
    return idle_ms < FIRST_REQUEST_MS ? idle_ms : FIRST_REQUEST_MS;
}

static uint32_t sweep_interval_ms(const struct upkeep *self)
{
    uint32_t interval_ms = first_request_ms(self) / 8;
    if (interval_ms < SWEEP_MIN_MS) {
        return SWEEP_MIN_MS;
    }
    return interval_ms > SWEEP_MAX_MS ? SWEEP_MAX_MS : interval_ms;
}

void upkeep_cancel_gone(const struct upkeep_options *options)
{
    struct peer *peer;
    while ((peer = peer_table_take_gone(options->peers)) != NULL) {
        options->party_gone(options->context, &peer->party);
        peer_release(peer);
    }
}

static void close_idle(struct upkeep *self, const uint32_t *pipes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        nng_pipe_close((nng_pipe){.id = pipes[i]});
    }
    atomic_fetch_add_explicit(&self->closed_idle, n, memory_order_relaxed);
}

/* In steps, so that the table's mutex is never held for long. */
static void sweep(struct upkeep *self, uint64_t now_ns)
{
    const struct peer_sweep limits = {
        .now_ns = now_ns,
        .idle_ns = ns_of_ms(self->options.idle_timeout_ms),
        .first_ns = ns_of_ms(first_request_ms(self)),
    };
    size_t left = atomic_load_explicit(&self->options.peers->count, memory_order_relaxed);
    while (left > 0) {
        uint32_t pipes[PEER_SWEEP_STEP];
        size_t idle = peer_table_sweep(self->options.peers, &limits, &left, pipes);
        close_idle(self, pipes, idle);
    }
}

/* What callbacks only count, because they must not wait for whoever reads the log. */
static void report(struct upkeep *self)
{
    uint64_t refused = atomic_load(&self->options.peers->refused);
    uint64_t idle = atomic_load(&self->closed_idle);
    uint64_t slow = atomic_load(&self->options.slots->closed_slow);
    if (refused > self->reported.refused) {
        log_warn("refused %llu connections; the limit is %u",
                 (unsigned long long)(refused - self->reported.refused),
                 self->options.peers->max_peers);
    }
    if (idle > self->reported.closed_idle) {
        log_info("closed %llu connections without a completed request for too long",
                 (unsigned long long)(idle - self->reported.closed_idle));
    }
    if (slow > self->reported.closed_slow) {
        log_warn("closed %llu connections that did not take their replies",
                 (unsigned long long)(slow - self->reported.closed_slow));
    }
    self->reported.refused = refused;
    self->reported.closed_idle = idle;
    self->reported.closed_slow = slow;
}

static void note_verdict(struct listener *listener, enum probe_verdict verdict)
{
    atomic_store(&listener->probed, false);
    if (verdict == PROBE_IMPOSSIBLE) {
        return;
    }
    bool deaf = verdict == PROBE_DEAF;
    if (atomic_exchange(&listener->deaf, deaf) == deaf) {
        return;
    }
    if (deaf) {
        log_error("%s does not accept connections any more", listener->endpoint);
    } else {
        log_info("%s accepts connections again", listener->endpoint);
    }
}

static void step_probe(struct listener *listener, uint64_t now_ns)
{
    enum probe_verdict verdict =
        probe_step(&listener->probe, &listener->address, listener->address_bytes,
                   atomic_load(&listener->accepted), now_ns);
    if (verdict != PROBE_UNDECIDED) {
        note_verdict(listener, verdict);
    }
}

static void begin_probes(struct upkeep *self, uint64_t now_ns)
{
    for (size_t i = 0; i < self->options.n_listeners; i++) {
        struct listener *listener = &self->options.listeners[i];
        if (!atomic_load(&listener->probed)) {
            probe_begin(&listener->probe, atomic_load(&listener->accepted),
                        now_ns + ns_of_ms(PROBE_TIMEOUT_MS));
            atomic_store(&listener->probed, true);
        }
    }
}

static void step_probes(struct upkeep *self, uint64_t now_ns)
{
    for (size_t i = 0; i < self->options.n_listeners; i++) {
        if (atomic_load(&self->options.listeners[i].probed)) {
            step_probe(&self->options.listeners[i], now_ns);
        }
    }
}

/* One round; returns when the next is due. */
static uint64_t work(struct upkeep *self)
{
    uint64_t now_ns = clock_now_ns();
    bool retry = false;
    if (atomic_load(&self->options.slots->starving)) {
        retry = slot_pool_grow(self->options.slots) != STATED_OK;
    }
    upkeep_cancel_gone(&self->options);
    if (now_ns >= self->sweep_due_ns) {
        sweep(self, now_ns);
        self->sweep_due_ns = now_ns + ns_of_ms(sweep_interval_ms(self));
    }
    if (now_ns >= self->probe_due_ns) {
        begin_probes(self, now_ns);
        report(self);
        self->probe_due_ns = now_ns + ns_of_ms(self->options.probe_interval_ms);
    }
    step_probes(self, now_ns);
    for (size_t i = 0; i < self->options.n_listeners; i++) {
        retry = retry || atomic_load(&self->options.listeners[i].probed);
    }

    uint64_t due_ns = self->probe_due_ns;
    if (atomic_load(&self->options.peers->count) > 0 && self->sweep_due_ns < due_ns) {
        due_ns = self->sweep_due_ns;
    }
    uint64_t retry_ns = now_ns + ns_of_ms(RETRY_MS);
    return retry && retry_ns < due_ns ? retry_ns : due_ns;
}

static void wait_until(struct upkeep *self, uint64_t due_ns)
{
    struct pollfd fds[1 + LISTENER_MAX] = {{.fd = self->wake_fd, .events = POLLIN}};
    nfds_t n = 1;
    for (size_t i = 0; i < self->options.n_listeners; i++) {
        fds[n++] = (struct pollfd){
            .fd = probe_wants_to_write(&self->options.listeners[i].probe),
            .events = POLLOUT,
        };
    }
    uint64_t now_ns = clock_now_ns();
    uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns) / CLOCK_NS_PER_MS + 1 : 0;
    if (poll(fds, n, (int)wait_ms) > 0 && fds[0].revents != 0) {
        eventfd_t count;
        eventfd_read(self->wake_fd, &count);
    }
}

static void *run(void *argument)
{
    struct upkeep *self = argument;
    while (!atomic_load(&self->stopping)) {
        wait_until(self, work(self));
    }
    return NULL;
}

enum stated_code upkeep_init(struct upkeep *self)
{
    *self = (struct upkeep){.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    return self->wake_fd < 0 ? STATED_RESOURCE_EXHAUSTED : STATED_OK;
}

enum stated_code upkeep_start(struct upkeep *self, const struct upkeep_options *options)
{
    uint64_t now_ns = clock_now_ns();
    self->options = *options;
    self->sweep_due_ns = now_ns + ns_of_ms(sweep_interval_ms(self));
    self->probe_due_ns = now_ns + ns_of_ms(options->probe_interval_ms);
    if (pthread_create(&self->thread, NULL, run, self) != 0) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    pthread_setname_np(self->thread, "stated:upkeep");
    self->running = true;
    return STATED_OK;
}

void upkeep_wake(struct upkeep *self)
{
    eventfd_write(self->wake_fd, 1);
}

void upkeep_stop(struct upkeep *self)
{
    if (self->running) {
        atomic_store(&self->stopping, true);
        upkeep_wake(self);
        pthread_join(self->thread, NULL);
        self->running = false;
    }
}

void upkeep_deinit(struct upkeep *self)
{
    if (self->wake_fd >= 0) {
        close(self->wake_fd);
        self->wake_fd = -1;
    }
}
