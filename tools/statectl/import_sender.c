/* A batch is free, in the hands of whoever took it, or in flight: between send and collect it is
   the library's, whose callback puts it on the list of those that are done. */
#include "statectl/import_sender.h"

#include "statectl/ack_log.h"
#include "statectl/errors.h"
#include "statectl/memory.h"

#include "base/clock.h"
#include "stated/v1/state.stated-client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* In flight per connection; enough to keep the server's next commit full while one is written. */
enum { BATCHES_PER_CLIENT = 4 };

/* Of a batch, unless a single entry has more: a fraction of what a message may have. */
enum { BATCH_FRACTION = 4 };

static int open_clients(struct import_sender *self, size_t n_clients)
{
    struct stated_status status;
    self->clients = memory_new(n_clients, sizeof *self->clients);
    while (self->n_clients < n_clients) {
        struct stated_client **client = &self->clients[self->n_clients];
        if (ctl_open(self->ctl, self->ctl->timeout_ms, client, &status) != STATED_OK) {
            return ctl_open_error(&status);
        }
        self->n_clients++;
    }
    return EXIT_DONE;
}

int import_sender_open(struct import_sender *self, const struct ctl *ctl, size_t n_clients,
                       size_t batch_entries, FILE *ack_log)
{
    *self = (struct import_sender){.ctl = ctl, .ack_log = ack_log, .done_fd = -1};
    pthread_mutex_init(&self->lock, NULL);
    self->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = self->done_fd < 0 ? error_file("make", "an eventfd") : open_clients(self, n_clients);
    if (code != EXIT_DONE) {
        import_sender_close(self);
        return code;
    }
    self->message_limit = ctl_message_limit(self->clients[0]);
    self->n_batches = n_clients * BATCHES_PER_CLIENT;
    self->batches = memory_new(self->n_batches, sizeof *self->batches);
    for (size_t i = 0; i < self->n_batches; i++) {
        import_batch_init(&self->batches[i], batch_entries, self->message_limit / BATCH_FRACTION);
        self->batches[i].sender = self;
        self->batches[i].client = self->clients[i % n_clients];
    }
    return EXIT_DONE;
}

void import_sender_close(struct import_sender *self)
{
    for (size_t i = 0; i < self->n_clients; i++) {
        stated_client_close(self->clients[i]);
    }
    for (size_t i = 0; i < self->n_batches; i++) {
        import_batch_deinit(&self->batches[i]);
    }
    free(self->batches);
    free(self->clients);
    if (self->done_fd >= 0) {
        close(self->done_fd);
    }
    pthread_mutex_destroy(&self->lock);
}

struct import_batch *import_sender_take(struct import_sender *self)
{
    for (size_t i = 0; i < self->n_batches; i++) {
        if (!self->batches[i].is_in_flight) {
            return &self->batches[i];
        }
    }
    return NULL;
}

bool import_sender_must_wait(const struct import_sender *self, const struct import_batch *batch)
{
    for (size_t i = 0; i < self->n_batches; i++) {
        if (self->batches[i].is_in_flight && import_batch_overlaps(batch, &self->batches[i])) {
            return true;
        }
    }
    return false;
}

static void put_on_done_list(struct import_batch *batch, const struct stated_status *status)
{
    struct import_sender *self = batch->sender;
    const uint64_t one = 1;
    batch->status = *status;
    pthread_mutex_lock(&self->lock);
    batch->next_done = self->guarded.done;
    self->guarded.done = batch;
    pthread_mutex_unlock(&self->lock);
    ssize_t written = write(self->done_fd, &one, sizeof one);
    (void)written;
}

static void on_written(void *argument, const struct stated_status *status,
                       Stated__V1__WriteResponse *response)
{
    if (response != NULL) {
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    put_on_done_list(argument, status);
}

static void start(struct import_batch *batch)
{
    struct stated_status status;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    batch->due_ns = 0;
    batch->info = (struct stated_call_info)STATED_CALL_INFO_INIT;
    options.info = &batch->info;
    if (stated_v1_state_service_write_async(batch->client, &options, &batch->request, on_written,
                                            batch, &status) != STATED_OK) {
        put_on_done_list(batch, &status);
    }
}

void import_sender_send(struct import_sender *self, struct import_batch *batch)
{
    batch->is_in_flight = true;
    self->in_flight++;
    start(batch);
}

static void fail(struct import_sender *self, const struct import_batch *batch,
                 const struct stated_status *status)
{
    if (self->failure.code == STATED_OK) {
        self->failure = *status;
        self->failed_first_line = batch->first_line;
        self->failed_last_line = batch->last_line;
    }
}

static void acknowledge(struct import_sender *self, const struct import_batch *batch)
{
    self->keys += import_batch_size(batch);
    self->batches_written++;
    self->input_bytes += batch->input_bytes;
    for (size_t i = 0; self->ack_log != NULL && i < import_batch_size(batch); i++) {
        ack_log_append(self->ack_log, batch->puts[i].key);
    }
}

/* Whether the batch is kept, to be sent again: the server refused it unexecuted, for want of room,
   and not for too long. */
static bool keep_for_later(struct import_sender *self, struct import_batch *batch)
{
    uint64_t now_ns = clock_now_ns();
    if (batch->status.code != STATED_RESOURCE_EXHAUSTED || batch->status.retry_after_ms == 0) {
        return false;
    }
    if (batch->give_up_ns == 0) {
        batch->give_up_ns = now_ns + self->ctl->timeout_ms * CLOCK_NS_PER_MS;
    }
    if (now_ns >= batch->give_up_ns || self->is_stopping || import_sender_has_failed(self)) {
        return false;
    }
    batch->due_ns = now_ns + batch->status.retry_after_ms * CLOCK_NS_PER_MS;
    self->retries++;
    return true;
}

static void release(struct import_sender *self, struct import_batch *batch)
{
    import_batch_clear(batch);
    batch->is_in_flight = false;
    self->in_flight--;
}

static void conclude(struct import_sender *self, struct import_batch *batch)
{
    self->retries += batch->info.tries > 1 ? batch->info.tries - 1 : 0;
    if (keep_for_later(self, batch)) {
        return;
    }
    if (batch->status.code == STATED_OK) {
        acknowledge(self, batch);
    } else {
        fail(self, batch, &batch->status);
    }
    release(self, batch);
}

/* Sends what has waited long enough. */
static void send_due(struct import_sender *self)
{
    for (size_t i = 0; i < self->n_batches; i++) {
        struct import_batch *batch = &self->batches[i];
        if (batch->due_ns != 0 && batch->due_ns <= clock_now_ns()) {
            start(batch);
        }
    }
}

void import_sender_stop(struct import_sender *self)
{
    self->is_stopping = true;
    for (size_t i = 0; i < self->n_batches; i++) {
        if (self->batches[i].due_ns != 0) {
            release(self, &self->batches[i]);
        }
    }
}

void import_sender_collect(struct import_sender *self)
{
    uint64_t ignored;
    ssize_t got = read(self->done_fd, &ignored, sizeof ignored);
    (void)got;
    pthread_mutex_lock(&self->lock);
    struct import_batch *done = self->guarded.done;
    self->guarded.done = NULL;
    pthread_mutex_unlock(&self->lock);
    while (done != NULL) {
        struct import_batch *next = done->next_done;
        conclude(self, done);
        done = next;
    }
    if (self->ack_log != NULL && !ack_log_flush(self->ack_log) && self->failure.code == STATED_OK) {
        error_file("write", "the ack log");
        stated_status_set(&self->failure, STATED_UNKNOWN, "the ack log could not be written");
    }
    send_due(self);
}

bool import_sender_has_failed(const struct import_sender *self)
{
    return self->failure.code != STATED_OK;
}

int import_sender_wait_ms(const struct import_sender *self)
{
    uint64_t first_ns = UINT64_MAX;
    uint64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < self->n_batches; i++) {
        uint64_t due_ns = self->batches[i].due_ns;
        first_ns = due_ns != 0 && due_ns < first_ns ? due_ns : first_ns;
    }
    if (first_ns == UINT64_MAX) {
        return -1;
    }
    return first_ns <= now_ns ? 0 : (int)((first_ns - now_ns) / CLOCK_NS_PER_MS) + 1;
}
