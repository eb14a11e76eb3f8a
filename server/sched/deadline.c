#include "sched/deadline.h"

#define WORDS (DEADLINE_SLOTS / 64)

static struct gate_entry *entry_of(struct list_node *timer_node)
{
    return CONTAINER_OF(timer_node, struct gate_entry, timer_node);
}

static uint64_t tick_of(uint64_t time_ns)
{
    return time_ns >> DEADLINE_TICK_BITS;
}

static size_t slot_of(uint64_t tick)
{
    return tick % DEADLINE_SLOTS;
}

static void note_if_empty(struct deadline *self, size_t slot)
{
    if (list_is_empty(&self->slots[slot])) {
        self->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    }
}

/* The first tick after `tick` whose slot is occupied; at most one turn away. 0 when none is. */
static uint64_t next_occupied_tick(const struct deadline *self, uint64_t tick)
{
    size_t first = slot_of(tick + 1);
    for (size_t i = 0; i <= WORDS; i++) {
        size_t word = (first / 64 + i) % WORDS;
        uint64_t bits = self->occupied[word];
        if (i == 0) {
            bits &= ~UINT64_C(0) << first % 64;
        }
        if (bits != 0) {
            size_t slot = word * 64 + (size_t)__builtin_ctzll(bits);
            return tick + 1 + (slot + DEADLINE_SLOTS - first) % DEADLINE_SLOTS;
        }
    }
    return 0;
}

void deadline_init(struct deadline *self, uint64_t now_ns)
{
    self->swept_tick = tick_of(now_ns);
    for (size_t i = 0; i < WORDS; i++) {
        self->occupied[i] = 0;
    }
    for (size_t i = 0; i < DEADLINE_SLOTS; i++) {
        list_init(&self->slots[i]);
    }
}

uint64_t deadline_add(struct deadline *self, struct gate_entry *entry)
{
    /* The submitter's clock may be older than the last sweep: never add behind it. */
    uint64_t tick = tick_of(entry->deadline_ns) + 1;
    entry->timer_tick = tick > self->swept_tick ? tick : self->swept_tick + 1;
    size_t slot = slot_of(entry->timer_tick);
    list_push_back(&self->slots[slot], &entry->timer_node);
    self->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
    return entry->timer_tick << DEADLINE_TICK_BITS;
}

void deadline_remove(struct deadline *self, struct gate_entry *entry)
{
    if (list_node_is_linked(&entry->timer_node)) {
        list_remove(&entry->timer_node);
        note_if_empty(self, slot_of(entry->timer_tick));
    }
}

static void take_due_of_slot(struct deadline *self, size_t slot, uint64_t now_tick,
                             struct list *due)
{
    struct list *list = &self->slots[slot];
    struct list_node *node = list_first(list);
    while (node != NULL) {
        struct list_node *next = list_after(list, node);
        if (entry_of(node)->timer_tick <= now_tick) {
            list_remove(node);
            list_push_back(due, node);
        }
        node = next;
    }
    note_if_empty(self, slot);
}

void deadline_take_due(struct deadline *self, uint64_t now_ns, struct list *due)
{
    uint64_t now_tick = tick_of(now_ns);
    /* After more than a turn without a look, one turn visits every slot. */
    uint64_t tick = self->swept_tick;
    if (now_tick > tick + DEADLINE_SLOTS) {
        tick = now_tick - DEADLINE_SLOTS;
    }
    for (tick = next_occupied_tick(self, tick); tick != 0 && tick <= now_tick;
         tick = next_occupied_tick(self, tick)) {
        take_due_of_slot(self, slot_of(tick), now_tick, due);
    }
    if (now_tick > self->swept_tick) {
        self->swept_tick = now_tick;
    }
}

uint64_t deadline_next_ns(const struct deadline *self)
{
    uint64_t tick = next_occupied_tick(self, self->swept_tick);
    return tick != 0 ? tick << DEADLINE_TICK_BITS : DEADLINE_NEVER_NS;
}
