/* Execute: carries out a granted run, its handlers in ticket order, its store work as one
 * transaction. */
#ifndef STATED_RPC_EXECUTE_H
#define STATED_RPC_EXECUTE_H

#include "sched/gate.h"

#include "stated/status.h"

struct stated_call;

/* gate_ops.execute and gate_ops.finished; context is the dispatch. */
void execute_run(void *context, struct gate_run *run);
void execute_finished(void *context, struct gate_run *run);

/* For handlers over the store: adds call->op (kind, request and response set) to the transaction of
   the run the call is in. The op's outcome and response count once the run has completed, so a
   handler ends with `return execute_apply(call)`. On the handler's thread; may wait for disk, never
   for a lock. */
enum stated_code execute_apply(struct stated_call *call) STATED_MUST_USE;

#endif
