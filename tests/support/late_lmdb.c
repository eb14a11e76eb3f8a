/* Stands in for lmdb_store_open in stated-late: the same store, behind an engine that answers
 * later. */
#include "late_store.h"

enum stated_code late_lmdb_open(const struct lmdb_store_options *options, struct store **store,
                                struct stated_status *status)
{
    struct store *inner;
    enum stated_code code = lmdb_store_open(options, &inner, status);
    if (code != STATED_OK) {
        return code;
    }
    *store = late_store_new(inner);
    if (*store == NULL) {
        inner->ops->close(inner);
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for the late store");
    }
    return STATED_OK;
}
