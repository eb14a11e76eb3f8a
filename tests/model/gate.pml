/* The ticket lock, its workers and all that can happen to a call, as a model for SPIN.

   Three readers (one of them light) and two writers are submitted in every order that matters (calls
   of one kind are alike), alone or two as a frame, to a lock with a queue of three. Two workers execute
   what is granted; an exclusive run may be completed later by the engine's thread. Meanwhile calls are
   cancelled, expire, leave the state torn, and the server may start to drain. What the gate does under
   its mutex is one step; everything between two steps interleaves freely. S1 to S7 are those of the
   design: assertions below, each with its number.

   With -D<MUTANT> one rule is broken: every #ifdef here is one, but for the sizes and WITHOUT_..., and
   `run` must see each of them found. */

#define READERS 3
#define CALLS 5 /* 0..2 read, 0 is light; 3 and 4 write */
#define QUEUE_MAX 3
#define RUN_MAX 2
#ifndef CANCELS_MAX
#define CANCELS_MAX 1
#endif
#ifndef EXPIRIES_MAX
#define EXPIRIES_MAX 1
#endif

#define IS_WRITE(c) ((c) >= READERS)
#define IS_LIGHT(c) ((c) == 0)
#define CONFLICT(a, b) (IS_WRITE(a) || IS_WRITE(b))
#define BIT(c) (1 << (c))

mtype = { NEW, QUEUED, GRANTED, DONE, DROPPED };

/* The core's state, as in server/sched/rwlock.h. */
mtype state[CALLS] = NEW;
byte queue[CALLS + 1]; /* ticket order; more room than its bound, so that a mutant can break that */
byte queued = 0;
byte next_ticket = 1;
byte running = 0;
bool exclusive = false;
bool draining = false;
bool poisoned = false;

/* Around the core. */
byte ticket[CALLS] = 0;  /* while it matters: until the call is done or dropped */
bool late[CALLS] = false; /* queued, and its deadline has passed */
byte ready_reads = 0;    /* granted reads that no worker has taken: a set */
byte ready_run = 0;      /* the exclusive run that no worker has taken: a set */
byte pending_run = 0;    /* executed, to be completed by the engine: a set */
bool recovery_due = false;

/* Ghosts: what an observer knows. */
byte admitted = 0;
byte answered = 0;  /* a set */
byte executed = 0;  /* a set */
byte exclusive_run = 0; /* the granted exclusive run: a set */
byte reading = 0;
byte writing = 0;
bool torn = false;
bool torn_before = false;

/* What the transition at hand has granted, for the run that it puts together. */
byte step_granted = 0;

/* The inlines use variables that each thread has as its own: c and k for a moment, and drops, the
   calls that it dropped in this transition and must answer. */

#ifdef WRITE_PASSES_RUNNING_READS
#define FREE_FOR(c) (running == 0 || (IS_WRITE(c) && !exclusive))
#else
#define FREE_FOR(c) (running == 0)
#endif
#ifdef HEAVY_READ_JOINS_WRITES
#define JOINS(c) true
#else
#define JOINS(c) (IS_WRITE(c) || IS_LIGHT(c))
#endif
#ifdef RUN_GROWS_ONCE_HANDED_OUT
#define GROWING (step_granted < RUN_MAX)
#else
#define GROWING (step_granted > 0 && step_granted < RUN_MAX)
#endif
#define MAY_RUN(c) (FREE_FOR(c) || (!exclusive && !IS_WRITE(c)) || (exclusive && GROWING && JOINS(c)))

inline unlink(where)
{
    k = where;
    do
    :: k + 1 < queued -> queue[k] = queue[k + 1]; k++
    :: else -> break
    od;
    queued--;
    queue[queued] = 0;
    k = 0
}

inline drop_at(where)
{
    c = queue[where];
    assert(state[c] == QUEUED); /* S6 */
    state[c] = DROPPED;
    ticket[c] = 0;
    late[c] = false;
    drops = drops | BIT(c);
    unlink(where);
    c = 0
}

/* S3: nothing with a smaller ticket that conflicts with c still waits or runs, but for what is in the
   same exclusive run. */
inline assert_in_order()
{
    k = 0;
    do
    :: k < CALLS ->
        assert(!(ticket[k] != 0 && ticket[k] < ticket[c] && CONFLICT(k, c) &&
                 (state[k] == QUEUED || (state[k] == GRANTED && !(exclusive_run & BIT(k))))));
        k++
    :: else -> break
    od;
    k = 0
}

inline grant_at(where)
{
    c = queue[where];
    assert(state[c] == QUEUED); /* S6 */
    assert(!poisoned);          /* S7 */
    if
    :: running == 0 -> exclusive = IS_WRITE(c)
    :: else
    fi;
    state[c] = GRANTED;
    unlink(where);
    assert_in_order();
    running++;
    step_granted++;
    if
    :: exclusive ->
        assert(step_granted == running); /* a run does not grow once it is handed out */
        assert(IS_WRITE(c) || IS_LIGHT(c));
        ready_run = ready_run | BIT(c);
        exclusive_run = exclusive_run | BIT(c)
    :: else ->
        ready_reads = ready_reads | BIT(c)
    fi;
#ifdef DOUBLE_GRANT
    if
    :: !exclusive && step_granted == 1 && running == 1 -> queue[queued] = c; queued++
    :: else
    fi;
#endif
    c = 0
}

/* S4 and S5, after every transition. */
inline assert_settled()
{
    assert(queued <= QUEUE_MAX);
    assert(next_ticket == admitted + 1);
#ifndef WITHOUT_S4 /* to show that the monitor finds a sleeper by itself */
    assert(queued == 0 || late[queue[0]] || (running != 0 && (exclusive || IS_WRITE(queue[0]))));
#endif
    step_granted = 0
}

inline pump()
{
    do
    :: queued > 0 && late[queue[0]] -> drop_at(0)
    :: queued > 0 && !late[queue[0]] && MAY_RUN(queue[0]) -> grant_at(0)
#ifdef READ_PASSES_WAITING_WRITE
    :: queued > 1 && !late[queue[0]] && !MAY_RUN(queue[0]) && !exclusive && !IS_WRITE(queue[1]) ->
        grant_at(1)
#endif
    :: else -> break
    od
}

/* The replies: by whoever took the call out, once each. */
inline answer(calls)
{
    assert((answered & (calls)) == 0); /* S2 */
    answered = answered | (calls)
}

inline answer_drops()
{
    answer(drops);
#ifdef ANSWERS_A_DROP_TWICE
    answer(drops);
#endif
    drops = 0
}

inline enqueue(call)
{
    state[call] = QUEUED;
    ticket[call] = next_ticket;
    next_ticket++;
    admitted++;
    queue[queued] = call;
    queued++
}

#ifdef QUEUE_ONE_TOO_LONG
#define FITS(n) (queued + (n) <= QUEUE_MAX + 1)
#else
#define FITS(n) (queued + (n) <= QUEUE_MAX)
#endif
#ifdef POISON_ADMITS
#define ADMITS(n) (!draining && FITS(n))
#else
#define ADMITS(n) (!draining && !poisoned && FITS(n))
#endif

/* A frame of the call `a`, or of `a` and `b`. */
inline submit(calls)
{
    if
    :: ADMITS(calls) ->
        enqueue(a);
        if
        :: calls == 2 -> enqueue(b)
        :: else
        fi;
#ifndef NO_PUMP_IN_SUBMIT
        pump();
#endif
    :: else ->
#ifdef REFUSAL_TAKES_A_TICKET
        next_ticket++;
#endif
        state[a] = DROPPED;
        drops = drops | BIT(a);
        if
        :: calls == 2 -> state[b] = DROPPED; drops = drops | BIT(b)
        :: else
        fi
    fi;
    assert_settled();
    answer_drops()
}

/* Drops `call` if it is still queued; at = where. */
inline take_out(call)
{
    if
    :: state[call] == QUEUED ->
        at = 0;
        do
        :: queue[at] != call -> at++
        :: else -> break
        od;
        drop_at(at);
        at = 0;
#ifndef NO_PUMP_IN_DROP
        pump();
#endif
        assert_settled();
        answer_drops()
#ifdef CANCELS_WHAT_IS_GRANTED
    :: state[call] == GRANTED -> answer(BIT(call))
#endif
    :: else
    fi
}

inline finish(calls)
{
    k = 0;
    do
    :: k < CALLS && (calls & BIT(k)) ->
        assert(state[k] == GRANTED && (executed & BIT(k) || poisoned || torn_before));
        state[k] = DONE;
        ticket[k] = 0;
        running--;
        k++
    :: k < CALLS && !(calls & BIT(k)) -> k++
    :: else -> break
    od;
    k = 0;
    exclusive_run = exclusive_run & ~calls;
#ifndef NO_PUMP_IN_FINISH
    pump();
#endif
    assert_settled();
    answer_drops();
    answer(calls);
    calls = 0
}

inline poison()
{
    torn = true;
    torn_before = true;
    poisoned = true;
    recovery_due = true;
#ifndef POISON_KEEPS_THE_QUEUE
    do
    :: queued > 0 -> drop_at(0)
    :: else -> break
    od;
#endif
    answer_drops()
}

#ifdef EXECUTOR_IGNORES_POISON
#define MAY_EXECUTE true
#else
#define MAY_EXECUTE (!poisoned)
#endif

/* next = of the calls in `left`, the one with the smallest ticket. */
inline find_next()
{
    next = CALLS;
    k = 0;
    do
    :: k < CALLS && (left & BIT(k)) && (next == CALLS || ticket[k] < ticket[next]) -> next = k; k++
    :: k < CALLS && !((left & BIT(k)) && (next == CALLS || ticket[k] < ticket[next])) -> k++
    :: else -> break
    od;
    k = 0
}

/* Executes the calls of a run in ticket order; `tears` leaves the state torn, if it is reached. */
inline execute(calls)
{
    left = calls;
    do
    :: left != 0 ->
        find_next();
        left = left & ~BIT(next);
        assert(state[next] == GRANTED); /* S6 */
        if
        :: MAY_EXECUTE ->
            assert(!torn); /* S7 */
            assert(!(executed & BIT(next)));
            executed = executed | BIT(next);
            if
            :: next == tears -> poison()
            :: else
            fi
        :: else
        fi
    :: else -> break
    od;
    next = 0;
    tears = CALLS
}

/* What has queued up joins the run that was just executed, and is executed as well; `calls` is then
   all of the run. A run grows by its executor alone, never behind its back. */
inline extend(calls)
{
    joined = 0;
    do
    :: queued > 0 && late[queue[0]] -> drop_at(0)
    :: queued > 0 && !late[queue[0]] && JOINS(queue[0]) ->
        c = queue[0];
        assert(state[c] == QUEUED); /* S6 */
        assert(!poisoned);          /* S7 */
        state[c] = GRANTED;
        unlink(0);
        running++;
        exclusive_run = exclusive_run | BIT(c);
        assert_in_order();
        joined = joined | BIT(c);
        c = 0
    :: else -> break
    od;
    calls = calls | joined;
    assert_settled();
    answer_drops();
    tears = CALLS;
    execute(joined);
    joined = 0
}

inline choose_tears(calls)
{
    if
    :: !torn_before && (calls & BIT(1)) -> tears = 1
    :: !torn_before && (calls & BIT(3)) -> tears = 3
    :: !torn_before && (calls & BIT(4)) -> tears = 4
    :: tears = CALLS
    fi
}

/* ---- the threads */

active proctype submitter()
{
    byte a, b, c, k, drops;
end:
    do
    :: atomic {
            if
            :: state[0] == NEW -> a = 0
            :: state[1] == NEW -> a = 1
            :: state[1] != NEW && state[2] == NEW -> a = 2
            :: state[3] == NEW -> a = 3
            :: state[3] != NEW && state[4] == NEW -> a = 4
            fi;
            if
            :: d_step { submit(1) }
            :: a < 3 && state[3] == NEW -> b = 3; d_step { submit(2) }
            :: a < 3 && state[3] != NEW && state[4] == NEW -> b = 4; d_step { submit(2) }
            :: a >= 3 && state[0] == NEW -> b = 0; d_step { submit(2) }
            fi;
            a = 0;
            b = 0
       }
    :: !draining && (state[0] == NEW || state[2] == NEW || state[4] == NEW) -> draining = true
    od
}

/* The target of a cancellation or expiry: any call for which WHEN(call) holds. */
#define CHOOSE_TARGET(WHEN)                                                                        \
    if                                                                                             \
    :: WHEN(0) -> target = 0                                                                       \
    :: WHEN(1) -> target = 1                                                                       \
    :: WHEN(2) -> target = 2                                                                       \
    :: WHEN(3) -> target = 3                                                                       \
    :: WHEN(4) -> target = 4                                                                       \
    fi

#define MAY_CANCEL(c) (cancels < CANCELS_MAX && (state[c] == QUEUED || state[c] == GRANTED))
#define MAY_EXPIRE(c) (expiries < EXPIRIES_MAX && state[c] == QUEUED)

active proctype canceller()
{
    byte target, at, c, k, drops;
    byte cancels = 0;
end:
    do
    :: atomic {
            CHOOSE_TARGET(MAY_CANCEL);
            cancels++;
            d_step { take_out(target); target = 0 }
       }
    :: cancels < CANCELS_MAX -> cancels = CANCELS_MAX /* lost interest, so it rescues nobody */
    od
}

/* A deadline passes at any time, or never; the timer notices sooner or later. */
active proctype timer()
{
    byte target, at, c, k, drops;
    byte expiries = 0;
end:
    do
    :: atomic {
            CHOOSE_TARGET(MAY_EXPIRE);
            expiries++;
            late[target] = true
       }
       d_step {
            if
            :: late[target] -> take_out(target)
            :: else
            fi;
            target = 0
       }
    :: expiries < EXPIRIES_MAX -> expiries = EXPIRIES_MAX
    od
}

active [2] proctype worker()
{
    byte taken, joined, left, next, tears, c, k, drops;
end:
    do
    :: atomic {
            ready_run != 0 ->
            taken = ready_run;
            ready_run = 0;
            writing++;
            assert(writing == 1 && reading == 0); /* S1 */
            choose_tears(taken);
            d_step { execute(taken) }
       }
       atomic {
            if
            :: d_step { extend(taken) }
            :: skip
            fi
       }
       atomic {
            writing--;
            if
            :: pending_run = taken; taken = 0 /* the engine completes it */
            :: d_step { finish(taken) }
            fi
       }
    :: atomic {
            ready_reads != 0 ->
            if
            :: ready_reads & BIT(0) -> taken = BIT(0)
            :: ready_reads & BIT(1) -> taken = BIT(1)
            :: ready_reads & BIT(2) -> taken = BIT(2)
            fi;
            ready_reads = ready_reads & ~taken;
            reading++;
            assert(writing == 0); /* S1 */
            choose_tears(taken);
            d_step { execute(taken) }
       }
       d_step {
            reading--;
            finish(taken)
       }
    od
}

active proctype engine()
{
    byte taken, c, k, drops;
end:
    do
    :: d_step {
            pending_run != 0 ->
            taken = pending_run;
            pending_run = 0;
            finish(taken)
       }
    od
}

/* The layer above restores the state when nothing runs; if it cannot, poison stays. */
active proctype recoverer()
{
end:
    atomic {
#ifdef RECOVERS_BESIDE_A_RUN
        recovery_due ->
#else
        recovery_due && running == 0 ->
#endif
        assert(reading == 0 && writing == 0 && pending_run == 0);
        recovery_due = false
    }
    if
    :: atomic { torn = false; poisoned = false }
    :: skip
    fi
}

#ifndef WITHOUT_MONITOR /* to show that the properties find a sleeper by themselves */
/* When nothing moves any more, every call must have been answered. */
active proctype monitor()
{
end:
    timeout ->
    assert(answered == BIT(CALLS) - 1);
    assert(queued == 0 && running == 0 && ready_run == 0 && ready_reads == 0 && pending_run == 0)
}
#endif

/* Liveness, when every thread that can go on does: who waits is answered. */
ltl reader_is_answered { [] ((state[2] == QUEUED) -> <> (answered & BIT(2))) }
ltl writer_is_answered { [] ((state[4] == QUEUED) -> <> (answered & BIT(4))) }
