/* The log is looked into on the thread of parked calls, not where the request was received: a watch
   that begins far back has much to read. It does so in steps, and others come in between. */
#include "state/watch.h"

#include "rpc/call.h"
#include "rpc/exchange.h"
#include "state/validate.h"
#include "state/watch_feed.h"

#include <string.h>

/* Revisions that one step looks at. */
#define STEP_REVISIONS 256

/* A parked Watch; in the parked call's memory. The selector's bytes are behind it. */
struct watch {
    struct watch_waiter waiter;
    struct stated_parked *parked;
    uint32_t limit;
    bool no_wait;
    Stated__V1__Selector select;
    Stated__V1__Range range;
    uint8_t bytes[];
};

static void take_bytes(ProtobufCBinaryData *bytes, uint8_t **at)
{
    if (bytes->len > 0) {
        memcpy(*at, bytes->data, bytes->len);
    }
    bytes->data = *at;
    *at += bytes->len;
}

static size_t selector_bytes(const Stated__V1__Selector *select)
{
    switch (select->kind_case) {
    case STATED__V1__SELECTOR__KIND_RANGE:
        return select->range->start.len + select->range->end.len;
    case STATED__V1__SELECTOR__KIND_PREFIX:
        return select->prefix.len;
    default:
        return select->key.len;
    }
}

static void copy_selector(struct watch *self, const Stated__V1__Selector *select)
{
    uint8_t *at = self->bytes;
    self->select = *select;
    switch (select->kind_case) {
    case STATED__V1__SELECTOR__KIND_RANGE:
        self->range = *select->range;
        self->select.range = &self->range;
        take_bytes(&self->range.start, &at);
        take_bytes(&self->range.end, &at);
        break;
    case STATED__V1__SELECTOR__KIND_PREFIX:
        take_bytes(&self->select.prefix, &at);
        break;
    default:
        take_bytes(&self->select.key, &at);
    }
    /* What the request may have had beside is gone with it. */
    self->select.base.n_unknown_fields = 0;
    self->select.base.unknown_fields = NULL;
    self->range.base.n_unknown_fields = 0;
    self->range.base.unknown_fields = NULL;
}

static void tell(struct watch_waiter *waiter)
{
    stated_parked_wake(CONTAINER_OF(waiter, struct watch, waiter)->parked);
}

static enum stated_code look(struct stated_call *call, const struct watch *self,
                             const struct watch_feed *feed, Stated__V1__WatchResponse *response)
{
    struct store_changes changes = {
        .select = &self->select,
        .from_revision = self->waiter.next_revision,
        .limit = self->limit,
        .max_revisions = STEP_REVISIONS,
        .max_response_bytes = exchange_response_share(call->exchange, call),
        .arena = call_arena(call),
        .response = response,
    };
    feed->store->ops->read_changes(feed->store, &changes);
    return changes.code == STATED_OK ? STATED_OK
                                     : stated_call_fail(call, changes.code, "%s", changes.message);
}

static enum stated_code resume(struct stated_call *call, enum stated_wake why, void *memory,
                               ProtobufCMessage *message)
{
    struct watch *self = memory;
    struct watch_feed *feed = stated_call_state(call);
    Stated__V1__WatchResponse *response = (Stated__V1__WatchResponse *)message;
    if (why != STATED_WAKE_CALLED && watch_feed_leave(feed, &self->waiter)) {
        response->next_revision = self->waiter.next_revision;
        return STATED_OK;
    }
    enum stated_code code = look(call, self, feed, response);
    if (code != STATED_OK || response->n_events > 0 || why != STATED_WAKE_CALLED) {
        return code;
    }
    self->waiter.next_revision = response->next_revision;
    bool has_more = response->next_revision <= watch_feed_newest(feed);
    if (self->no_wait && !has_more) {
        return STATED_OK;
    }
    if (has_more || !watch_feed_wait(feed, &self->waiter)) {
        stated_parked_wake(self->parked);
    }
    return stated_call_stay(call);
}

static void end(struct stated_call *call, void *memory)
{
    struct watch *self = memory;
    watch_feed_leave(stated_call_state(call), &self->waiter);
}

static const struct stated_park_ops ops = {.resume = resume, .end = end};

enum stated_code watch_admit(struct stated_call *call, const Stated__V1__WatchRequest *request,
                             struct stated_admission *admission)
{
    (void)admission;
    const char *message = "";
    enum stated_code code = validate_watch(request, call_arena(call), &message);
    return code == STATED_OK ? STATED_OK : stated_call_fail(call, code, "%s", message);
}

enum stated_code watch_changes(struct stated_call *call, const Stated__V1__WatchRequest *request,
                               Stated__V1__WatchResponse *response)
{
    (void)response;
    if (stated_call_state(call) == NULL) {
        return stated_call_fail(call, STATED_UNIMPLEMENTED,
                                "this server's engine keeps no log of changes to watch");
    }
    struct stated_parked *parked;
    enum stated_code code = stated_call_park(
        call, &ops, sizeof(struct watch) + selector_bytes(request->select), &parked);
    if (code != STATED_OK) {
        return code;
    }
    struct watch *self = stated_parked_memory(parked);
    self->parked = parked;
    self->limit = request->limit;
    self->no_wait = request->no_wait;
    copy_selector(self, request->select);
    self->waiter.next_revision = request->from_revision;
    self->waiter.tell = tell;
    self->waiter.entry.span = key_span_of_selector(&self->select);
    stated_parked_wake(parked);
    return STATED_OK;
}
