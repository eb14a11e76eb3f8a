/* After a run: do the replies fit one order, and is what the server holds now what they left? */
#ifndef STATED_BENCH_VERIFY_H
#define STATED_BENCH_VERIFY_H

#include "bench/keyspace.h"
#include "bench/options.h"
#include "bench/runner.h"
#include "order/oracle.h"
#include "stated/client.h"
#include "stated/status.h"

#include <stdbool.h>
#include <stdint.h>

/* The server's next ticket before and after the run; 0 = it does not tell. */
struct verify_tickets {
    uint64_t before;
    uint64_t after;
};

struct verdict {
    bool checked;   /* false: the calls were not kept, or could not be checked; see message */
    bool in_order;  /* the check's outcome */
    uint64_t calls; /* whose replies were checked */
    uint64_t first_ticket; /* of them */
    uint64_t last_ticket;
    uint64_t others; /* tickets in between that went elsewhere */
    bool gap_free;   /* there were none, and none is missing */
    char message[STATED_MESSAGE_BYTES + KEYSPACE_NAME_BYTES]; /* for people; "" when all is well */
};

/* The server's next ticket; 0 when it does not tell, which is no error. Blocks. */
uint64_t verify_next_ticket(struct stated_client *client);

/* Checks the calls of a run, and the keys as the server holds them now. keyspace holds them as they
   were before the run; afterwards, as the replay left them. A verdict is given in any case;
   anything but OK means that the server could not be asked or memory was out. Blocks. */
enum stated_code verify_run(const struct bench_options *options, struct keyspace *keyspace,
                            struct stated_client *client, const struct runner_result *result,
                            struct verify_tickets tickets, struct verdict *verdict,
                            struct stated_status *status) STATED_MUST_USE;

#endif
