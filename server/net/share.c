#include "net/share.h"

#include "base/clock.h"

#include <stddef.h>

/* Reads that one may have in front of the others while they ask as well, or one frame of more. */
#define CALLS_IN_COMPANY 16u
/* They do if somebody else has asked within this time. */
#define COMPANY_NS (1000 * CLOCK_NS_PER_MS)

void share_init(struct share *self, uint32_t max_frames, share_look look, void *context)
{
    self->max_frames = max_frames;
    self->look = look;
    self->context = context;
    atomic_init(&self->asked_last, 0);
    atomic_init(&self->changing_ns, 0);
}

/* Written by whoever follows somebody else; two at once may well both be wrong about who was last,
   and right about the time. */
static void note(struct share *self, const void *connection)
{
    uintptr_t asks = (uintptr_t)connection;
    uintptr_t last = atomic_load_explicit(&self->asked_last, memory_order_relaxed);
    if (last == asks) {
        return;
    }
    atomic_store_explicit(&self->asked_last, asks, memory_order_relaxed);
    if (last != 0) {
        atomic_store_explicit(&self->changing_ns, clock_now_ns(), memory_order_relaxed);
    }
}

static bool is_in_company(const struct share *self)
{
    uint64_t changing_ns = atomic_load_explicit(&self->changing_ns, memory_order_relaxed);
    return changing_ns != 0 && clock_now_ns() < changing_ns + COMPANY_NS;
}

enum share_turn share_take_turn(struct share *self, const void *connection, uint32_t frames,
                                uint32_t calls)
{
    note(self, connection);
    bool beyond = frames >= self->max_frames;
    if (frames == 0 || (!beyond && (calls < CALLS_IN_COMPANY || !is_in_company(self)))) {
        return SHARE_NOW;
    }
    struct share_outlook outlook = {.is_long = false};
    if (self->look != NULL) {
        self->look(self->context, &outlook);
    }
    if (!beyond) {
        bool is_its_own = !outlook.is_long || calls > outlook.calls / 2;
        return is_its_own && !outlook.has_writes ? SHARE_LATER : SHARE_NOW;
    }
    if (!outlook.is_long) {
        return SHARE_LATER;
    }
    return frames < 2 * self->max_frames ? SHARE_REFUSED : SHARE_LATER;
}
