/* One pass sorts by ticket, one looks for duplicates and gaps, one walks backwards for real time
   (the earliest reply among the larger tickets must not precede a call), one replays. */
#include "order/oracle.h"

#include "order/ticket_sort.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LONGEST_NUMBER = 20 }; /* characters of INT64_MIN */

struct replay {
    const struct oracle_history *history;
    struct oracle_report *report;
    struct ticket_entry *order; /* calls with a ticket, by ticket */
    uint32_t *lost;             /* calls without a reply that may still have taken effect */
    size_t n_lost;              /* adopted ones leave */
    bool any_lost;
    uint64_t revision;
};

struct oracle_value oracle_value_number(int64_t number)
{
    return (struct oracle_value){.bits = (uint64_t)number, .kind = ORACLE_NUMBER};
}

/* Only text that printing the number gives back is a number, so that "07" and "7" stay different.
 */
static bool value_parse(const void *bytes, size_t length, int64_t *number)
{
    char text[LONGEST_NUMBER + 1];
    char again[LONGEST_NUMBER + 2];
    if (length == 0 || length > LONGEST_NUMBER) {
        return false;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    *number = strtoll(text, NULL, 10);
    int written = snprintf(again, sizeof again, "%" PRId64, *number);
    return (size_t)written == length && memcmp(text, again, length) == 0;
}

struct oracle_value oracle_value_of(const void *bytes, size_t length)
{
    int64_t number;
    if (value_parse(bytes, length, &number)) {
        return oracle_value_number(number);
    }
    return (struct oracle_value){.bits = XXH3_64bits(bytes, length), .kind = ORACLE_BYTES};
}

static const char *value_text(struct oracle_value value, char *buffer, size_t size)
{
    switch (value.kind) {
    case ORACLE_ABSENT:
        return "no value";
    case ORACLE_UNKNOWN:
        return "an unknown value";
    case ORACLE_NUMBER:
        snprintf(buffer, size, "%" PRId64, (int64_t)value.bits);
        return buffer;
    case ORACLE_BYTES:
        break;
    }
    snprintf(buffer, size, "bytes with digest %016" PRIx64, value.bits);
    return buffer;
}

STATED_PRINTF(4, 5)
static enum stated_code report_fault(struct oracle_report *report, enum oracle_fault fault,
                                     uint64_t ticket, const char *format, ...)
{
    va_list arguments;
    report->fault = fault;
    report->ticket = ticket;
    va_start(arguments, format);
    vsnprintf(report->message, sizeof report->message, format, arguments);
    va_end(arguments);
    return STATED_DATA_LOSS;
}

enum stated_code oracle_check_shape(const struct oracle_history *history,
                                    char message[STATED_MESSAGE_BYTES])
{
    for (size_t i = 0; i < history->n_calls; i++) {
        const struct oracle_call *call = &history->calls[i];
        if (!call->lost && call->received_ns < call->sent_ns) {
            snprintf(message, STATED_MESSAGE_BYTES,
                     "recorded call %zu has its reply before it was sent", i);
            return STATED_INVALID_ARGUMENT;
        }
        for (uint32_t s = 0; s < call->n_steps; s++) {
            if (call->steps[s].key >= history->n_keys) {
                snprintf(message, STATED_MESSAGE_BYTES,
                         "recorded call %zu names key %" PRIu32 " of %zu", i, call->steps[s].key,
                         history->n_keys);
                return STATED_INVALID_ARGUMENT;
            }
        }
    }
    return STATED_OK;
}

static enum stated_code check_tickets(const struct replay *self)
{
    uint64_t expected = self->history->first_ticket;
    uint64_t missing_allowed = self->n_lost;
    for (size_t i = 0; i < self->report->tickets; i++) {
        uint64_t ticket = self->order[i].ticket;
        if (i > 0 && ticket == self->order[i - 1].ticket) {
            return report_fault(self->report, ORACLE_FAULT_DUPLICATE, ticket,
                                "ticket %" PRIu64 " was given to two calls", ticket);
        }
        if (self->history->alone && expected != 0) {
            uint64_t missing = ticket - expected;
            if (ticket < expected || missing > missing_allowed) {
                return report_fault(self->report, ORACLE_FAULT_GAP, ticket,
                                    "ticket %" PRIu64 " came where %" PRIu64 " was due", ticket,
                                    expected);
            }
            missing_allowed -= missing;
        }
        expected = ticket + 1;
    }
    return STATED_OK;
}

static enum stated_code check_real_time(const struct replay *self)
{
    uint64_t earliest_ns = UINT64_MAX;
    uint64_t earliest_ticket = 0;
    for (size_t i = self->report->tickets; i-- > 0;) {
        const struct oracle_call *call = &self->history->calls[self->order[i].call];
        if (earliest_ns < call->sent_ns) {
            return report_fault(self->report, ORACLE_FAULT_REAL_TIME, call->ticket,
                                "ticket %" PRIu64 " was sent %" PRIu64
                                " ns after the reply of ticket %" PRIu64 " was there",
                                call->ticket, call->sent_ns - earliest_ns, earliest_ticket);
        }
        if (call->received_ns < earliest_ns) {
            earliest_ns = call->received_ns;
            earliest_ticket = call->ticket;
        }
    }
    return STATED_OK;
}

static uint64_t cell_next_version(const struct oracle_cell *cell)
{
    if (cell->value.kind == ORACLE_ABSENT) {
        return 1;
    }
    return cell->version == 0 ? 0 : cell->version + 1;
}

/* An absent counter counts as 0; adding to what is not known leaves it so. */
static void cell_add(struct oracle_cell *cell, struct oracle_value delta)
{
    if (cell->value.kind != ORACLE_UNKNOWN) {
        uint64_t before = cell->value.kind == ORACLE_ABSENT ? 0 : cell->value.bits;
        cell->value = oracle_value_number((int64_t)(before + delta.bits));
    }
}

static void cell_apply(struct oracle_cell *cell, const struct oracle_step *step,
                       const struct oracle_call *call)
{
    uint64_t version = cell_next_version(cell);
    switch (step->action) {
    case ORACLE_EXPECT:
        return;
    case ORACLE_DELETE:
        *cell = (struct oracle_cell){.ticket = call->ticket};
        return;
    case ORACLE_PUT:
        cell->value = step->value;
        break;
    case ORACLE_ADD:
        cell_add(cell, step->value);
        break;
    }
    cell->version = version;
    cell->mod_revision = call->revision;
    cell->ticket = call->ticket;
}

static bool cell_shows(const struct replay *self, const struct oracle_cell *cell,
                       const struct oracle_step *step)
{
    if (!oracle_value_same(cell->value, step->value)) {
        return false;
    }
    if (self->any_lost) {
        return true;
    }
    return (cell->version == 0 || step->version == 0 || cell->version == step->version) &&
           (cell->mod_revision == 0 || step->mod_revision == 0 ||
            cell->mod_revision == step->mod_revision);
}

/* What a lost call would have left in the key, if it wrote it. */
static bool lost_explains(const struct oracle_call *lost, const struct oracle_step *seen)
{
    for (uint32_t s = 0; s < lost->n_steps; s++) {
        const struct oracle_step *step = &lost->steps[s];
        bool writes = step->action == ORACLE_PUT || step->action == ORACLE_DELETE;
        if (writes && step->key == seen->key) {
            struct oracle_cell cell = {0};
            cell_apply(&cell, step, lost);
            return oracle_value_same(cell.value, seen->value);
        }
    }
    return false;
}

/* Lets the first lost call that explains what was seen take effect here, once. */
static bool lost_adopt(struct replay *self, const struct oracle_call *call,
                       const struct oracle_step *seen)
{
    for (size_t i = 0; i < self->n_lost; i++) {
        const struct oracle_call *lost = &self->history->calls[self->lost[i]];
        if (lost->sent_ns > call->received_ns || !lost_explains(lost, seen)) {
            continue;
        }
        for (uint32_t s = 0; s < lost->n_steps; s++) {
            cell_apply(&self->history->cells[lost->steps[s].key], &lost->steps[s], lost);
        }
        self->lost[i] = self->lost[--self->n_lost];
        return true;
    }
    return false;
}

/* Lost additions cannot be told apart by what a read shows. */
static bool counter_is_uncertain(const struct replay *self, uint32_t key)
{
    for (size_t i = 0; i < self->n_lost; i++) {
        const struct oracle_call *lost = &self->history->calls[self->lost[i]];
        for (uint32_t s = 0; s < lost->n_steps; s++) {
            if (lost->steps[s].key == key && lost->steps[s].action == ORACLE_ADD) {
                return true;
            }
        }
    }
    return false;
}

static enum stated_code report_reply(struct replay *self, const struct oracle_call *call,
                                     const struct oracle_step *seen)
{
    const struct oracle_cell *cell = &self->history->cells[seen->key];
    char seen_text[64];
    char due_text[64];
    self->report->key = seen->key;
    return report_fault(
        self->report, ORACLE_FAULT_REPLY, call->ticket,
        "ticket %" PRIu64 " saw %s (version %" PRIu64 ", revision %" PRIu64
        ") where ticket %" PRIu64 " had left %s (version %" PRIu64 ", revision %" PRIu64 ")",
        call->ticket, value_text(seen->value, seen_text, sizeof seen_text), seen->version,
        seen->mod_revision, cell->ticket, value_text(cell->value, due_text, sizeof due_text),
        cell->version, cell->mod_revision);
}

static void cell_learn(struct oracle_cell *cell, const struct oracle_step *seen)
{
    cell->value = seen->value;
    cell->version = seen->version;
    cell->mod_revision = seen->mod_revision;
}

static enum stated_code replay_expect(struct replay *self, const struct oracle_call *call,
                                      const struct oracle_step *seen)
{
    struct oracle_cell *cell = &self->history->cells[seen->key];
    if (cell->value.kind == ORACLE_UNKNOWN) {
        self->report->unchecked++;
        cell_learn(cell, seen);
        return STATED_OK;
    }
    if (cell_shows(self, cell, seen) || lost_adopt(self, call, seen)) {
        self->report->checked++;
        return STATED_OK;
    }
    if (counter_is_uncertain(self, seen->key)) {
        self->report->unchecked++;
        cell_learn(cell, seen);
        return STATED_OK;
    }
    return report_reply(self, call, seen);
}

static enum stated_code replay_revision(struct replay *self, const struct oracle_call *call)
{
    if (call->revision == 0) {
        return STATED_OK;
    }
    uint64_t least = self->revision + (call->writes ? 1 : 0);
    bool exact = self->history->alone && !self->any_lost && self->revision != 0;
    if (call->revision < least || (exact && call->revision != least)) {
        return report_fault(self->report, ORACLE_FAULT_REVISION, call->ticket,
                            "ticket %" PRIu64 " showed revision %" PRIu64 " where %s%" PRIu64
                            " was due",
                            call->ticket, call->revision, exact ? "" : "at least ", least);
    }
    self->revision = call->revision;
    return STATED_OK;
}

static enum stated_code replay_call(struct replay *self, const struct oracle_call *call)
{
    enum stated_code code = replay_revision(self, call);
    for (uint32_t s = 0; s < call->n_steps && code == STATED_OK; s++) {
        const struct oracle_step *step = &call->steps[s];
        if (step->action == ORACLE_EXPECT) {
            code = replay_expect(self, call, step);
        } else {
            cell_apply(&self->history->cells[step->key], step, call);
        }
    }
    return code;
}

static enum stated_code replay_calls(struct replay *self)
{
    for (size_t i = 0; i < self->report->tickets; i++) {
        enum stated_code code = replay_call(self, &self->history->calls[self->order[i].call]);
        if (code != STATED_OK) {
            return code;
        }
    }
    return STATED_OK;
}

static void replay_collect(struct replay *self, struct ticket_entry *entries)
{
    for (size_t i = 0; i < self->history->n_calls; i++) {
        const struct oracle_call *call = &self->history->calls[i];
        if (call->lost) {
            self->lost[self->n_lost++] = (uint32_t)i;
        } else if (call->ticket != 0) {
            entries[self->report->tickets++] = (struct ticket_entry){call->ticket, (uint32_t)i};
        }
    }
    self->any_lost = self->n_lost > 0;
}

enum stated_code oracle_check(const struct oracle_history *history, struct oracle_report *report)
{
    struct replay self = {.history = history, .report = report, .revision = history->revision};
    size_t room = history->n_calls + 1; /* no zero sized allocation */

    *report = (struct oracle_report){0};
    enum stated_code code = oracle_check_shape(history, report->message);
    if (code != STATED_OK) {
        return code;
    }
    struct ticket_entry *entries = malloc(room * sizeof *entries);
    struct ticket_entry *spare = malloc(room * sizeof *spare);
    self.lost = malloc(room * sizeof *self.lost);
    if (entries == NULL || spare == NULL || self.lost == NULL) {
        snprintf(report->message, sizeof report->message, "no memory to sort %zu calls",
                 history->n_calls);
        code = STATED_RESOURCE_EXHAUSTED;
        goto free_all;
    }
    replay_collect(&self, entries);
    self.order = ticket_sort(entries, spare, report->tickets);
    code = check_tickets(&self);
    if (code == STATED_OK) {
        code = check_real_time(&self);
    }
    if (code == STATED_OK) {
        code = replay_calls(&self);
    }
free_all:
    free(self.lost);
    free(spare);
    free(entries);
    return code;
}
