/* A watch is a chain of long polls: the answer of one is told and begins the next, from the
   revision that the answer names. When one fails, the alarm begins the next after a pause. At any
   time exactly one of these is true, or the watch has ended:

     polling   a call is on its way; its callback comes for sure
     telling   that callback runs
     pausing   the alarm is set

   Stopping frees it at once, unless a call is on its way, which is cancelled then, or it is the
   teller that stops: then on_answer frees it, and tells nothing. One that is stopped when the
   alarm's thread is about to poll is freed when the client closes: a callback of the alarm cannot
   free the alarm.

   A client that closes has ended the polls, so its watches are told then; one that pauses is told
   that it cannot go on. What is left is memory, which needs no client. */
#include "kv_watch.h"

#include "handle.h"
#include "kv_request.h"
#include "memory.h"

#include "stated/v1/state.stated-client.h"

#include "base/clock.h"

/* How long a poll may wait for a change: the time after which a silent connection is noticed. */
enum { POLL_MS = 30000 };

/* Between tries that fail, doubling. */
enum { PAUSE_MIN_MS = 10, PAUSE_MAX_MS = 1000 };

/* Events that are asked for after an answer was too much; then ever fewer, down to one: a revision
   comes whole. That is tried until so many polls in a row have failed. */
enum { SMALL_LIMIT = 64, SMALLER = 8, PATIENCE = 12 };

static bool is_final(enum stated_code code)
{
    switch (code) {
    case STATED_UNAVAILABLE:
    case STATED_DEADLINE_EXCEEDED:
    case STATED_RESOURCE_EXHAUSTED:
    case STATED_INTERNAL:
    case STATED_ABORTED:
        return false;
    default:
        return true;
    }
}

static void watch_free(struct stated_kv_watch *self)
{
    ProtobufCAllocator memory = self->memory;
    if (self->client != NULL) {
        guests_remove(&self->client->guests, &self->guest);
    }
    alarm_deinit(&self->alarm);
    stated_cancel_free(self->cancel);
    kv_arena_clear(&self->arena);
    pthread_cond_destroy(&self->told);
    pthread_mutex_destroy(&self->lock);
    memory_give(&memory, self);
}

static void on_answer(void *argument, const struct stated_status *status,
                      Stated__V1__WatchResponse *response);

/* In state polling. Begins a poll; OK means that on_answer comes. */
static enum stated_code poll_once(struct stated_kv_watch *self, struct stated_status *status)
{
    Stated__V1__WatchRequest request = STATED__V1__WATCH_REQUEST__INIT;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    request.select = &self->selector.selector;
    request.from_revision = self->next_revision;
    request.limit = self->limit;
    options.timeout_ms = POLL_MS;
    options.cancel = self->cancel;
    return stated_v1_state_service_watch_async(self->client, &options, &request, on_answer, self,
                                               status);
}

/* Under the lock: polls again after a pause, which is random so that not all come back at once. */
static void pause_under_lock(struct stated_kv_watch *self, uint32_t least_ms)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t most_ms = (uint64_t)PAUSE_MIN_MS << (self->failures < 7 ? self->failures : 7);
    uint64_t random = now_ns * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    most_ms = most_ms < PAUSE_MAX_MS ? most_ms : PAUSE_MAX_MS;
    self->failures++;
    self->state = WATCH_PAUSING;
    alarm_set(&self->alarm,
              now_ns + least_ms * CLOCK_NS_PER_MS + random % (most_ms * CLOCK_NS_PER_MS));
}

/* In state polling, when there is nobody to tell why a poll did not begin: that passes. True when
   the watch was stopped meanwhile, and is left to the caller. */
static bool poll_or_pause(struct stated_kv_watch *self)
{
    struct stated_status status;
    if (poll_once(self, &status) == STATED_OK) {
        return false;
    }
    pthread_mutex_lock(&self->lock);
    bool stopped = self->stopped;
    if (!stopped && !self->closing) {
        pause_under_lock(self, status.retry_after_ms);
    }
    pthread_mutex_unlock(&self->lock);
    return stopped;
}

static void on_alarm(void *argument)
{
    struct stated_kv_watch *self = argument;
    pthread_mutex_lock(&self->lock);
    alarm_went_off(&self->alarm);
    bool goes_on = !self->stopped && !self->closing && self->state == WATCH_PAUSING;
    if (goes_on) {
        self->state = WATCH_POLLING;
    }
    pthread_mutex_unlock(&self->lock);
    if (goes_on) {
        (void)poll_or_pause(self); /* if it was stopped, on_close frees it */
    }
}

/* In state telling. Too much for one frame, or for the server at the moment: the next poll asks for
   less. False when it cannot, and has tried for a while. */
static bool ask_for_less(struct stated_kv_watch *self)
{
    if (self->limit == 1) {
        return self->failures < PATIENCE;
    }
    self->limit = self->limit == 0 ? SMALL_LIMIT : self->limit / SMALLER;
    return true;
}

static void ask_for_more(struct stated_kv_watch *self)
{
    self->limit = self->limit >= SMALL_LIMIT ? 0 : self->limit * SMALLER;
    self->failures = 0;
}

/* In state telling, on the thread that tells. The state to go on in. */
static enum watch_state tell(struct stated_kv_watch *self, const struct stated_status *status,
                             const Stated__V1__WatchResponse *response)
{
    struct stated_status told = *status;
    if (status->code == STATED_OK) {
        if (kv_watch_tell_events(self, response, &told) == STATED_OK) {
            ask_for_more(self);
            return WATCH_POLLING;
        }
        status = &told;
    }
    bool is_too_much = status->code == STATED_RESOURCE_EXHAUSTED && status->retry_after_ms == 0;
    if (is_too_much ? ask_for_less(self) : !is_final(status->code)) {
        return WATCH_PAUSING;
    }
    if (self->on_end != NULL) {
        self->on_end(self->argument, status);
    }
    return WATCH_ENDED;
}

static void on_answer(void *argument, const struct stated_status *status,
                      Stated__V1__WatchResponse *response)
{
    struct stated_kv_watch *self = argument;
    enum watch_state next = WATCH_ENDED;
    pthread_mutex_lock(&self->lock);
    bool is_ours = self->stopped; /* to free */
    self->state = WATCH_TELLING;
    self->teller = pthread_self();
    pthread_mutex_unlock(&self->lock);
    if (!is_ours) {
        next = tell(self, status, response);
    }
    kv_free_watch(self->client, response);

    pthread_mutex_lock(&self->lock);
    is_ours = is_ours || self->stopped_by_teller;
    next = self->stopped ? WATCH_ENDED : next;
    self->state = next;
    if (next == WATCH_PAUSING) {
        pause_under_lock(self, status->retry_after_ms);
    }
    pthread_cond_broadcast(&self->told);
    pthread_mutex_unlock(&self->lock);
    if (is_ours || (next == WATCH_POLLING && poll_or_pause(self))) {
        watch_free(self);
    }
}

static void tell_closed(struct stated_kv_watch *self)
{
    struct stated_status status;
    stated_status_set(&status, STATED_CANCELLED, "the watch ended: the client was closed");
    if (self->on_end != NULL) {
        self->on_end(self->argument, &status);
    }
}

/* No call is on its way, but the alarm may be set, or its callback find out that none can begin. */
static void on_close(struct guest *guest)
{
    struct stated_kv_watch *self = CONTAINER_OF(guest, struct stated_kv_watch, guest);
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_mutex_unlock(&self->lock);
    alarm_stop(&self->alarm);
    stated_cancel_free(self->cancel);
    self->cancel = NULL;
    self->client = NULL;

    pthread_mutex_lock(&self->lock);
    bool is_ours = self->stopped; /* to free */
    bool tells = !is_ours && self->state != WATCH_ENDED;
    self->state = tells ? WATCH_TELLING : WATCH_ENDED;
    self->teller = pthread_self();
    pthread_mutex_unlock(&self->lock);
    if (tells) {
        tell_closed(self);
    }
    pthread_mutex_lock(&self->lock);
    is_ours = is_ours || self->stopped_by_teller;
    self->state = WATCH_ENDED;
    pthread_mutex_unlock(&self->lock);
    if (is_ours) {
        watch_free(self);
    }
}

/* The revision of the state now; OK or what the read says. */
static enum stated_code read_revision(struct stated_client *client, uint64_t *revision,
                                      struct stated_status *status)
{
    struct kv_selector any;
    struct kv_read how = {.keys_only = true, .committed = true};
    Stated__V1__ReadResponse *response;
    kv_select_key(&any, stated_text("."));
    enum stated_code code = kv_read(client, &any, &how, &response, status);
    if (code == STATED_OK) {
        *revision = response->revision;
        kv_free_read(client, response);
    }
    return code;
}

/* Ready to poll; NULL when memory is out. */
static struct stated_kv_watch *watch_new(struct stated_client *client,
                                         const struct kv_selector *selector, size_t range_bytes)
{
    struct stated_kv_watch *self = memory_take(&client->memory, sizeof(*self) + range_bytes);
    if (self == NULL) {
        return NULL;
    }
    *self = (struct stated_kv_watch){.guest = {.on_close = on_close},
                                     .client = client,
                                     .memory = client->memory,
                                     .cancel = stated_cancel_new(client),
                                     .arena = {.memory = &self->memory}};
    if (self->cancel == NULL || alarm_init(&self->alarm, on_alarm, self) != 0) {
        stated_cancel_free(self->cancel);
        memory_give(&client->memory, self);
        return NULL;
    }
    kv_selector_copy(&self->selector, selector, self->range);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->told, NULL);
    self->state = WATCH_POLLING;
    guests_add(&client->guests, &self->guest);
    return self;
}

enum stated_code stated_kv_watch_start(struct stated_client *client,
                                       const struct stated_kv_range *range,
                                       const struct stated_kv_watch_options *options,
                                       stated_kv_watch_events on_events, void *argument,
                                       struct stated_kv_watch **watch, struct stated_status *status)
{
    static const struct stated_kv_watch_options defaults;
    struct kv_selector selector;
    enum stated_code code = kv_check_pointer(watch, "watch", status);
    if (code != STATED_OK) {
        return code;
    }
    *watch = NULL;
    options = options == NULL ? &defaults : options;
    code = kv_check_pointer(client, "client", status);
    if (code == STATED_OK && on_events == NULL) {
        code = stated_status_set(status, STATED_INVALID_ARGUMENT, "on_events is NULL");
    }
    code = code == STATED_OK ? kv_select_range(&selector, range, status) : code;
    uint64_t from_revision = options->from_revision;
    if (code == STATED_OK && from_revision == 0) {
        code = read_revision(client, &from_revision, status);
        from_revision++;
    }
    if (code != STATED_OK) {
        return code;
    }
    struct stated_kv_watch *self = watch_new(client, &selector, kv_range_bytes(range));
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for a watch");
    }
    self->on_events = on_events;
    self->on_end = options->on_end;
    self->argument = argument;
    self->next_revision = from_revision;
    *watch = self; /* a callback, which may come at once, finds it there */
    code = poll_once(self, status);
    if (code != STATED_OK) {
        *watch = NULL;
        watch_free(self);
    }
    return code;
}

uint64_t stated_kv_watch_revision(struct stated_kv_watch *watch)
{
    if (watch == NULL) {
        return 0;
    }
    pthread_mutex_lock(&watch->lock);
    uint64_t revision = watch->next_revision;
    pthread_mutex_unlock(&watch->lock);
    return revision;
}

void stated_kv_watch_stop(struct stated_kv_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    pthread_mutex_lock(&watch->lock);
    bool is_teller = watch->state == WATCH_TELLING && pthread_equal(watch->teller, pthread_self());
    bool is_left_to_call = is_teller || watch->state == WATCH_POLLING;
    watch->stopped = true;
    watch->stopped_by_teller = is_teller;
    if (watch->state == WATCH_POLLING) {
        stated_cancel_calls(watch->cancel);
    }
    while (!is_left_to_call && watch->state == WATCH_TELLING) {
        pthread_cond_wait(&watch->told, &watch->lock);
    }
    pthread_mutex_unlock(&watch->lock);
    if (!is_left_to_call) {
        watch_free(watch);
    }
}
