/* A frame's calls are counted down by open_calls, which holds one more while begin still hands
   calls out: so answered() comes exactly once, after the last outcome, whoever brings it. */
#include "rpc/exchange.h"

#include "base/clock.h"
#include "frame.h"
#include "rpc/call.h"
#include "rpc/dispatch.h"
#include "rpc/park.h"

#include <string.h>

/* What a frame may use of memory, in messages of the largest size: the unpacked request (structs
   are larger than their encoding) and the responses. */
#define ARENA_MESSAGES 4
#define ARENA_SPARE_BYTES ((size_t)256 << 10)

/* Of a reply beside its payload: status or order, and their tags and lengths. */
#define REPLY_OVERHEAD_BYTES ((size_t)64)

void exchange_init(struct exchange *self, struct dispatch *dispatch,
                   void (*answered)(struct exchange *self))
{
    *self = (struct exchange){.dispatch = dispatch, .answered = answered};
    arena_init(&self->arena,
               dispatch->limits.max_message_bytes * ARENA_MESSAGES + ARENA_SPARE_BYTES);
}

void exchange_deinit(struct exchange *self)
{
    arena_deinit(&self->arena);
}

void exchange_reset(struct exchange *self)
{
    arena_reset(&self->arena);
    park_free_all(self->parked);
    self->parked = NULL;
    if (self->is_held) {
        park_release_frame(self->dispatch->park);
        self->is_held = false;
    }
    self->calls = NULL;
    self->n_calls = 0;
    self->party = NULL;
    self->over_share = false;
}

void exchange_call_done(struct exchange *self)
{
    if (atomic_fetch_sub_explicit(&self->open_calls, 1, memory_order_acq_rel) == 1) {
        self->answered(self);
    }
}

static void refuse_frame(struct exchange *self, enum stated_code code, const char *message)
{
    self->frame_code = code;
    self->frame_message = arena_format(&self->arena, "%s", message);
}

static Stated__V1__RequestFrame *unpack(struct exchange *self, const uint8_t *body, size_t length)
{
    const struct dispatch_limits *limits = &self->dispatch->limits;
    if (length > limits->max_message_bytes) {
        self->frame_code = STATED_INVALID_ARGUMENT;
        self->frame_message =
            arena_format(&self->arena,
                         "the frame has %zu bytes, the server's limit is %llu; send less at a time",
                         length, (unsigned long long)limits->max_message_bytes);
        return NULL;
    }
    Stated__V1__RequestFrame *frame = NULL;
    struct stated_status status;
    enum stated_code code = frame_unpack_request(body, length, limits->max_calls_per_frame,
                                                 &self->arena.allocator, &frame, &status);
    if (code != STATED_OK) {
        refuse_frame(self, code, status.message);
        return NULL;
    }
    return frame;
}

/* Prepares every call; those that are for the gate are gathered and submitted together. Gives those
   that are to be parked. */
static struct stated_parked *start_calls(struct exchange *self,
                                         const Stated__V1__RequestFrame *frame)
{
    size_t n = frame->n_calls;
    struct stated_call *calls = arena_alloc(&self->arena, n * sizeof(*calls));
    struct gate_entry **entries = arena_alloc(&self->arena, n * sizeof(struct gate_entry *));
    if (calls == NULL || entries == NULL) {
        refuse_frame(self, STATED_RESOURCE_EXHAUSTED,
                     "the frame needs more memory than a frame may; send fewer calls in it");
        return NULL;
    }
    memset(calls, 0, n * sizeof(*calls));
    self->client_id = frame->client_id.len == FRAME_CLIENT_ID_BYTES ? frame->client_id.data : NULL;
    self->acked_below = frame->acked_below;
    self->calls = calls;
    self->n_calls = n;
    atomic_store_explicit(&self->open_calls, n + 1, memory_order_relaxed);

    struct stated_parked *parked = NULL;
    size_t n_entries = 0;
    uint64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < n; i++) {
        calls[i].exchange = self;
        switch (dispatch_prepare(self->dispatch, &calls[i], frame->calls[i], now_ns)) {
        case DISPATCH_COMPLETE:
            call_complete(&calls[i]);
            break;
        case DISPATCH_SUBMIT:
            entries[n_entries++] = &calls[i].entry;
            break;
        case DISPATCH_PARK:
            calls[i].parked->next = parked;
            parked = calls[i].parked;
            break;
        }
    }
    if (n_entries > 1 || (n_entries == 1 && parked != NULL)) {
        /* A shared run may have several workers at this frame's reads, beside a call's resume. */
        arena_share(&self->arena);
    }
    if (n_entries > 0) {
        struct gate *gate = self->dispatch->gate;
        (self->over_share ? gate_refuse : gate_submit)(gate, entries, n_entries, now_ns);
    }
    return parked;
}

/* From here on the frame may be answered at any time, though not before its last parked call has
   been begun: until then that one keeps the exchange as it is. */
static void park_calls(struct exchange *self, struct stated_parked *parked)
{
    struct park *park = self->dispatch->park;
    self->is_held = self->n_calls > 1 && park_hold_frame(park, parked);
    if (self->n_calls > 1 && !self->is_held) {
        exchange_call_done(self);
        return;
    }
    self->parked = parked;
    if (self->n_calls == 1) {
        /* Nothing in the arena is needed any more but the call. */
        self->calls = park_take_call(parked);
        self->client_id = NULL;
        arena_release(&self->arena);
    }
    if (self->set_aside != NULL && !self->set_aside(self)) {
        park_cancel_party(park, self->party);
    }
    exchange_call_done(self);
    while (parked != NULL) {
        struct stated_parked *next = parked->next;
        park_begin(park, parked);
        parked = next;
    }
}

void exchange_begin(struct exchange *self, const uint8_t *body, size_t length,
                    struct gate_party *party)
{
    self->party = party;
    self->frame_code = STATED_OK;
    atomic_store_explicit(&self->open_calls, 1, memory_order_relaxed);
    Stated__V1__RequestFrame *frame = unpack(self, body, length);
    struct stated_parked *parked = frame != NULL ? start_calls(self, frame) : NULL;
    if (parked != NULL) {
        park_calls(self, parked);
    } else {
        exchange_call_done(self);
    }
}

/* Room for payloads in the reply frame. */
static size_t payload_room(const struct exchange *self)
{
    size_t overhead = frame_reply_header_size() + self->n_calls * REPLY_OVERHEAD_BYTES;
    size_t limit = self->dispatch->limits.max_message_bytes;
    return limit > overhead ? limit - overhead : 0;
}

/* One whose answer is not to be had by asking again: a write that has taken effect, and a call that
   has waited. */
static bool has_share(const struct stated_call *call)
{
    return call->method != NULL && (call->method->access == STATED_ACCESS_WRITE ||
                                    call->method->access == STATED_ACCESS_PARK);
}

size_t exchange_response_share(const struct exchange *self, const struct stated_call *call)
{
    size_t room = payload_room(self);
    return has_share(call) ? room / self->n_calls : room;
}

/* A reply that does not fit is replaced by one that says so, without a message if need be. */
static size_t fit_reply(struct stated_call *call, size_t room)
{
    size_t size = frame_reply_size(&call->reply);
    if (size <= room + REPLY_OVERHEAD_BYTES) {
        return size;
    }
    if (call->reply.payload != NULL && call->entry.access == GATE_WRITE) {
        stated_call_fail(call, STATED_INTERNAL,
                         "the write took effect, but its reply of %zu bytes does not fit the frame",
                         size);
    } else if (call->reply.payload != NULL) {
        stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                         "the reply of %zu bytes does not fit the frame beside the others; ask for "
                         "less, or send fewer calls in a frame",
                         size);
    }
    call->reply.payload = NULL;
    if (frame_reply_size(&call->reply) > room + REPLY_OVERHEAD_BYTES) {
        call->reply.message = "";
    }
    return frame_reply_size(&call->reply);
}

/* Sizes the replies of the calls with a share, or of all others; takes what they need from *room.
 */
static size_t fit_replies(struct exchange *self, bool with_share, size_t *room)
{
    size_t total = 0;
    for (size_t i = 0; i < self->n_calls; i++) {
        if (has_share(&self->calls[i]) == with_share) {
            size_t size = fit_reply(&self->calls[i], *room);
            size_t payload = size > REPLY_OVERHEAD_BYTES ? size - REPLY_OVERHEAD_BYTES : 0;
            *room -= payload < *room ? payload : *room;
            total += size;
        }
    }
    return total;
}

static struct frame_reply frame_refusal(const struct exchange *self)
{
    return (struct frame_reply){.code = self->frame_code, .message = self->frame_message};
}

size_t exchange_reply_size(struct exchange *self)
{
    size_t total = frame_reply_header_size();
    if (self->frame_code != STATED_OK) {
        struct frame_reply refusal = frame_refusal(self);
        return total + frame_reply_size(&refusal);
    }
    /* Those with a share first: their replies must not be crowded out by what has none. */
    size_t room = payload_room(self);
    total += fit_replies(self, true, &room);
    total += fit_replies(self, false, &room);
    return total;
}

void exchange_put_reply(struct exchange *self, uint8_t *out)
{
    out = frame_put_reply_header(out, self->dispatch->epoch);
    if (self->frame_code != STATED_OK) {
        struct frame_reply refusal = frame_refusal(self);
        frame_reply_size(&refusal);
        frame_put_reply(out, &refusal);
        return;
    }
    for (size_t i = 0; i < self->n_calls; i++) {
        out = frame_put_reply(out, &self->calls[i].reply);
    }
}
