#include "net/upkeep.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A first request is due within this, and the next bytes of an unfinished one, however long
   connections may be silent otherwise. */
#define FIRST_REQUEST_MS 30000
/* How much later than its limit a connection may be closed: an eighth of it, within these. */
#define SWEEP_MIN_MS 20
#define SWEEP_MAX_MS 5000
/* The most that a peer may leave its replies while others wait for the slots that these keep. */
#define AWAITED_REPLY_MS 1000
/* Between two lines of the log about the same thing, and the longest sleep. */
#define REPORT_MS 10000
/* Connections that are taken up again in one round, and the time until the next if that was not
 * all. */
#define RESUME_STEP 256
#define RESUME_AGAIN_MS 10

static uint64_t ns_of_ms(uint64_t ms)
{
    return ms * CLOCK_NS_PER_MS;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t sweep_interval_ms(const struct upkeep *self)
{
    uint32_t limit_ms = lesser(lesser(self->options.idle_timeout_ms, FIRST_REQUEST_MS),
                               self->options.reply_timeout_ms);
    return limit_ms / 8 < SWEEP_MIN_MS ? SWEEP_MIN_MS : lesser(limit_ms / 8, SWEEP_MAX_MS);
}

void upkeep_cancel_gone(struct upkeep *self)
{
    struct peer *peer;
    while ((peer = peer_table_take_gone(self->options.host->peers)) != NULL) {
        self->options.party_gone(self->options.context, &peer->party);
        peer_release(peer);
    }
}

static void close_faulty(const struct peer_finding *finding)
{
    static const struct {
        enum connection_end end;
        const char *reason;
    } ends[] = {
        [PEER_IDLE] = {CONNECTION_IDLE, "no completed request for too long"},
        [PEER_STALLED] = {CONNECTION_IDLE, "its frame does not go on"},
        [PEER_SLOW] = {CONNECTION_SLOW, "it does not take its reply"},
    };
    log_debug("closing the connection of %s: %s", finding->peer->name, ends[finding->fault].reason);
    connection_close(connection_of_peer(finding->peer), ends[finding->fault].end);
    peer_release(finding->peer);
}

/* In steps, so that the table's mutex is never held for long. */
static void sweep(struct upkeep *self, uint64_t now_ns)
{
    uint32_t first_ms = lesser(self->options.idle_timeout_ms, FIRST_REQUEST_MS);
    uint32_t reply_ms = self->options.reply_timeout_ms;
    if (slot_pool_is_awaited(self->options.host->slots)) {
        reply_ms = lesser(reply_ms, AWAITED_REPLY_MS);
    }
    const struct peer_limits limits = {
        .idle_ns = ns_of_ms(self->options.idle_timeout_ms),
        .first_ns = ns_of_ms(first_ms),
        .partial_ns = ns_of_ms(first_ms),
        .sending_ns = ns_of_ms(reply_ms),
    };
    size_t to_do = atomic_load(&self->options.host->peers->count);
    while (to_do > 0) {
        struct peer_finding findings[PEER_SWEEP_STEP];
        size_t found =
            peer_table_sweep(self->options.host->peers, &limits, now_ns, &to_do, findings);
        for (size_t i = 0; i < found; i++) {
            close_faulty(&findings[i]);
        }
    }
}

static void report(struct upkeep *self)
{
    static const struct {
        enum log_level level;
        const char *reason; /* NULL: everyday */
    } lines[CONNECTION_ENDS] = {
        [CONNECTION_BROKEN] = {LOG_LEVEL_WARN, "did not speak the protocol or sent too much"},
        [CONNECTION_IDLE] = {LOG_LEVEL_INFO, "completed no request for too long"},
        [CONNECTION_SLOW] = {LOG_LEVEL_WARN, "did not take their replies"},
        [CONNECTION_NO_MEMORY] = {LOG_LEVEL_ERROR, "could not be given memory"},
    };
    struct connection_host *host = self->options.host;
    for (size_t i = 0; i < CONNECTION_ENDS; i++) {
        uint64_t ended = atomic_load(&host->ended[i]);
        if (lines[i].reason != NULL && ended > self->reported_ended[i]) {
            log_write(lines[i].level, "closed %llu connections that %s",
                      (unsigned long long)(ended - self->reported_ended[i]), lines[i].reason);
        }
        self->reported_ended[i] = ended;
    }
    uint64_t refused = atomic_load(&host->peers->refused);
    if (refused > self->reported_refused) {
        log_warn("refused %llu connections; the limit is %u",
                 (unsigned long long)(refused - self->reported_refused), host->peers->max_peers);
    }
    self->reported_refused = refused;
}

/* False: there are more, or memory is out and they are in line again. */
static bool resume_waiting(struct upkeep *self)
{
    for (int i = 0; i < RESUME_STEP; i++) {
        struct list_node *waiter = slot_pool_next_waiter(self->options.host->slots, false);
        if (waiter == NULL) {
            return true;
        }
        connection_resume(waiter);
    }
    return false;
}

/* Resting is said before the peers are counted, as a peer is counted before it is asked about: so
   one of the two sees the other. */
static bool has_peers(struct upkeep *self)
{
    atomic_store(&self->resting, true);
    if (atomic_load(&self->options.host->peers->count) == 0) {
        return false;
    }
    atomic_store(&self->resting, false);
    return true;
}

/* One round; returns when the next is due. */
static uint64_t work(struct upkeep *self)
{
    uint64_t now_ns = clock_now_ns();
    upkeep_cancel_gone(self);
    bool resumed = resume_waiting(self);
    if (now_ns >= self->sweep_due_ns) {
        sweep(self, now_ns);
        self->sweep_due_ns = now_ns + ns_of_ms(sweep_interval_ms(self));
    }
    if (now_ns >= self->report_due_ns) {
        report(self);
        self->report_due_ns = now_ns + ns_of_ms(REPORT_MS);
    }
    if (!resumed) {
        return now_ns + ns_of_ms(RESUME_AGAIN_MS);
    }
    return has_peers(self) && self->sweep_due_ns < self->report_due_ns ? self->sweep_due_ns
                                                                       : self->report_due_ns;
}

static void wait_until(struct upkeep *self, uint64_t due_ns)
{
    struct pollfd wake = {.fd = self->wake_fd, .events = POLLIN};
    uint64_t now_ns = clock_now_ns();
    uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns) / CLOCK_NS_PER_MS + 1 : 0;
    if (poll(&wake, 1, (int)wait_ms) > 0) {
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
    report(self);
    return NULL;
}

enum stated_code upkeep_init(struct upkeep *self, const struct upkeep_options *options)
{
    *self = (struct upkeep){
        .options = *options,
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    return self->wake_fd < 0 ? STATED_RESOURCE_EXHAUSTED : STATED_OK;
}

enum stated_code upkeep_start(struct upkeep *self)
{
    uint64_t now_ns = clock_now_ns();
    self->sweep_due_ns = now_ns + ns_of_ms(sweep_interval_ms(self));
    self->report_due_ns = now_ns + ns_of_ms(REPORT_MS);
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

void upkeep_peer_arrived(struct upkeep *self)
{
    if (atomic_load(&self->resting) && atomic_exchange(&self->resting, false)) {
        upkeep_wake(self);
    }
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
