#include "numbering.h"

#include <assert.h>
#include <string.h>

static uint64_t *word_of(struct numbering *self, uint64_t sequence, uint64_t *bit)
{
    uint64_t place = sequence % NUMBERING_WINDOW;
    *bit = UINT64_C(1) << (place % 64);
    return &self->settled[place / 64];
}

void numbering_init(struct numbering *self, const uint8_t *id)
{
    *self = (struct numbering){.next = 1, .floor = 1};
    memcpy(self->id, id, NUMBERING_ID_BYTES);
}

bool numbering_take(struct numbering *self, uint64_t *sequence)
{
    if (self->next - self->floor >= NUMBERING_WINDOW) {
        return false;
    }
    *sequence = self->next++;
    return true;
}

void numbering_settle(struct numbering *self, uint64_t sequence)
{
    uint64_t bit;
    assert(sequence >= self->floor && sequence < self->next);
    *word_of(self, sequence, &bit) |= bit;
    while (self->floor < self->next) {
        uint64_t *word = word_of(self, self->floor, &bit);
        if ((*word & bit) == 0) {
            break;
        }
        *word &= ~bit;
        self->floor++;
    }
}
