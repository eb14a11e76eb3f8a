/* Reads every entry under a prefix, page by page. */
#ifndef STATED_STATECTL_SCAN_H
#define STATED_STATECTL_SCAN_H

#include "statectl/ctl.h"

#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* What to read, and what came of it. */
struct scan {
    ProtobufCBinaryData prefix; /* empty = every key */
    uint64_t limit;             /* entries; 0 = all */
    bool keys_only;
    bool committed; /* never waits for a writer */

    uint64_t n;              /* entries so far */
    bool more;               /* the limit left some out */
    uint64_t first_revision; /* of the state that the first page shows */
    uint64_t last_revision;  /* of the state that the last page shows */

    /* Given each page, which is gone afterwards; false ends the scan. */
    bool (*page)(void *argument, const Stated__V1__ReadResponse *page);
    void *argument;
};

/* Reads them in key order. Pages may show different revisions, each is of one. EXIT_DONE, also when
   a page ended it, or the exit code after saying what went wrong. Blocks. */
int scan_run(struct scan *self, struct ctl *ctl) STATED_MUST_USE;

#endif
