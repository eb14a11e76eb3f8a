/* A Write on its way through the engine: what lmdb_write.c and lmdb_plan.c share. */
#ifndef STATED_ENGINE_LMDB_WRITING_H
#define STATED_ENGINE_LMDB_WRITING_H

#include "engine/counter.h"
#include "engine/entry_list.h"
#include "engine/lmdb_engine.h"

/* What a Put or Add will write. */
struct lmdb_planned {
    struct lmdb_record record;
    char number[COUNTER_BYTES]; /* an Add's value */
};

struct lmdb_writing {
    struct lmdb_run *run;
    struct store_op *op;
    const Stated__V1__WriteRequest *request;
    struct entry_list previous;
    struct lmdb_planned *planned; /* one per mutation; of a Delete, unused */
};

/* True when the operation has its outcome and nothing more is to be done. */
static inline bool lmdb_writing_is_settled(const struct lmdb_writing *self)
{
    return self->op->code != STATED_OK;
}

/* The revision that the write will be. */
static inline uint64_t lmdb_writing_next_revision(const struct lmdb_writing *self)
{
    return self->run->revision + 1;
}

/* Reads the key's record, or one of zeroes when it is absent. A damaged one settles the operation.
   LMDB's code. */
int lmdb_writing_look(struct lmdb_writing *self, const ProtobufCBinaryData *key,
                      struct lmdb_record *record, bool *exists) STATED_MUST_USE;

/* Adds the key's entry to a list of the reply; settles the operation when it does not fit. what:
   the list's name, for the message. */
void lmdb_writing_collect(struct lmdb_writing *self, struct entry_list *list, const char *what,
                          const ProtobufCBinaryData *key, const struct lmdb_record *record);

/* lmdb_plan.c: finds out what each mutation will do, and collects previous entries and the events
   for the change log. The state is not touched. LMDB's code; the operation may be settled. */
int lmdb_writing_plan(struct lmdb_writing *self) STATED_MUST_USE;

#endif
