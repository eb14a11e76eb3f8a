#include "statectl/import.h"

#include "statectl/interrupt.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static bool is_stopping(const struct import *self)
{
    return self->problem[0] != '\0' || self->read_error != 0 ||
           import_sender_has_failed(&self->sender) || interrupt_requested() != 0;
}

static bool is_blank(const char *line, size_t length)
{
    while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL) {
        length--;
    }
    return length == 0;
}

/* Whether a message has room for the entry. */
static bool check_size(struct import *self)
{
    uint64_t bytes = self->entry.key.len + self->entry.value.len;
    bool fits = bytes <= self->sender.message_limit;
    if (!fits) {
        snprintf(self->problem, sizeof self->problem,
                 "key and value have %" PRIu64 " bytes; the server's limit for a message is "
                 "%" PRIu64,
                 bytes, self->sender.message_limit);
        json_pair_free(&self->entry);
    }
    return fits;
}

/* Reads the next entry. True when there is one now; else it may come later, or never. */
static bool read_entry(struct import *self)
{
    const char *line = NULL;
    size_t length = 0;
    enum line_reader_result result = line_reader_next(&self->reader, &line, &length);
    while (result == LINE_READER_LINE && is_blank(line, length)) {
        result = line_reader_next(&self->reader, &line, &length);
    }
    switch (result) {
    case LINE_READER_LINE:
        self->has_entry =
            json_pair_parse(&self->entry, line, length, self->problem) && check_size(self);
        return self->has_entry;
    case LINE_READER_END:
        self->at_end = true;
        return false;
    case LINE_READER_TOO_LONG:
        snprintf(self->problem, sizeof self->problem, "it has more than %zu bytes",
                 self->reader.most_bytes);
        return false;
    case LINE_READER_FAILED:
        self->read_error = errno;
        return false;
    default:
        return false;
    }
}

/* Fills the batch from what is there. */
static void fill(struct import *self)
{
    while (!self->is_sealed && (self->has_entry || read_entry(self))) {
        if (import_batch_add(self->batch, self->entry.key, self->entry.value, self->reader.line)) {
            json_pair_free(&self->entry);
            self->has_entry = false;
            self->batch->input_bytes = self->reader.bytes - self->counted_bytes;
        } else {
            self->is_sealed = true;
        }
    }
    /* What is there is written now, not when more comes. */
    self->is_sealed = self->is_sealed || import_batch_size(self->batch) > 0;
}

/* Waits for an answer, a signal, the time to try again or to tell, and, if there is room for it,
   for input. */
static void wait_for_something(struct import *self, bool wants_input)
{
    int again_ms = import_sender_wait_ms(&self->sender);
    int tell_ms = progress_wait_ms(&self->progress);
    int ms = again_ms < 0 ? tell_ms : tell_ms < 0 || again_ms < tell_ms ? again_ms : tell_ms;
    struct pollfd ready[] = {
        {.fd = self->sender.done_fd, .events = POLLIN},
        /* What has been asked is known; a second signal needs no poll. */
        {.fd = interrupt_requested() == 0 ? interrupt_fd() : -1, .events = POLLIN},
        {.fd = wants_input ? self->reader.fd : -1, .events = POLLIN},
    };
    poll(ready, 3, ms);
}

static void send_batch(struct import *self)
{
    self->counted_bytes += self->batch->input_bytes;
    import_sender_send(&self->sender, self->batch);
    self->batch = NULL;
    self->is_sealed = false;
}

/* Does what can be done without waiting. False when there is nothing but to wait. */
static bool advance(struct import *self)
{
    if (self->batch == NULL) {
        self->batch = import_sender_take(&self->sender);
    }
    if (self->batch == NULL) {
        return false;
    }
    if (!self->is_sealed) {
        fill(self);
    }
    if (!self->is_sealed || is_stopping(self) ||
        import_sender_must_wait(&self->sender, self->batch)) {
        return false;
    }
    send_batch(self);
    return true;
}

static void take_stock(struct import *self)
{
    import_sender_collect(&self->sender);
    progress_tell(&self->progress, self->sender.keys, self->sender.input_bytes);
}

void import_run(struct import *self)
{
    while (!is_stopping(self)) {
        take_stock(self);
        if (is_stopping(self) || advance(self)) {
            continue;
        }
        if (self->at_end && !self->is_sealed && self->sender.in_flight == 0) {
            break;
        }
        if (!is_stopping(self)) {
            wait_for_something(self, self->batch != NULL && !self->is_sealed && !self->at_end);
        }
    }
    import_sender_stop(&self->sender);
    while (self->sender.in_flight > 0) {
        wait_for_something(self, false);
        take_stock(self);
    }
    progress_end(&self->progress, self->sender.keys, self->sender.input_bytes);
    if (self->has_entry) {
        json_pair_free(&self->entry);
    }
}
