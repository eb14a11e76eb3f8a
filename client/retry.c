/* Reads are asked again freely. A write is sent again only with its sequence, or after an answer
   that says that it was not executed; so is a parked call, which may have missed what it waits for
   while it was not there. */
#include "retry.h"

#include "base/clock.h"

/* Whether the call may be sent once more at all. */
static bool may_go_on(const struct retry_policy *policy, const struct retry_call *call)
{
    return policy->retries && !call->once &&
           (policy->max_tries == 0 || call->tries < policy->max_tries);
}

static bool may_repeat(const struct retry_call *call)
{
    return call->access == STATED_ACCESS_READ || call->access == STATED_ACCESS_NONE ||
           call->numbered;
}

/* Half to all of the pause, so that many calls do not come back at once; never before the server's
   advice. */
static uint64_t pause_ns(const struct retry_policy *policy, uint32_t failures,
                         uint32_t retry_after_ms, uint32_t random)
{
    uint64_t ms = policy->pause_min_ms;
    for (uint32_t i = 1; i < failures && ms < policy->pause_max_ms; i++) {
        ms *= 2;
    }
    ms = ms < policy->pause_max_ms ? ms : policy->pause_max_ms;
    uint64_t ns = ms * CLOCK_NS_PER_MS;
    return retry_after_ms * CLOCK_NS_PER_MS + ns / 2 + ns / 2 * (random % 1024) / 1024;
}

/* RETRY_LATER, or RETRY_END when the time does not reach that far and half as far again: a try that
   cannot be answered in time would only hide the answer that is there. */
static enum retry_action later(const struct retry_call *call, uint64_t now_ns, uint64_t pause,
                               uint64_t *at_ns)
{
    *at_ns = now_ns + pause;
    return *at_ns + pause / 2 < call->deadline_ns ? RETRY_LATER : RETRY_END;
}

/* Whether the code is one that waiting may change, and that was given before execution or, of a
   numbered write, says that its fate is not known. */
static bool may_pass(const struct retry_call *call, enum stated_code code, uint32_t retry_after_ms)
{
    switch (code) {
    case STATED_UNAVAILABLE:
        return true;
    case STATED_RESOURCE_EXHAUSTED:
        return retry_after_ms > 0;
    case STATED_UNKNOWN:
        return may_repeat(call);
    default:
        return false;
    }
}

/* Whether an answer that is no replay settles what became of earlier tries. A server looks for the
   record of a sequence when it executes; codes of the execution therefore tell that there was none,
   while a refusal before it tells nothing. */
static bool settles_earlier(enum stated_code code)
{
    return code == STATED_OK || code == STATED_INVALID_ARGUMENT || code == STATED_NOT_FOUND ||
           code == STATED_ALREADY_EXISTS || code == STATED_OUT_OF_RANGE || code == STATED_ABORTED;
}

enum retry_action retry_after_reply(const struct retry_policy *policy,
                                    const struct retry_call *call, enum stated_code code,
                                    bool replayed, uint32_t retry_after_ms, uint64_t now_ns,
                                    uint32_t random, uint64_t *at_ns)
{
    if (code == STATED_OK || replayed) {
        return RETRY_END;
    }
    if (code == STATED_RESOURCE_EXHAUSTED && retry_after_ms == 0 && call->shared) {
        /* Not a retry: alone in its frame it has the whole reply to itself. */
        return RETRY_ALONE;
    }
    if (code == STATED_UNIMPLEMENTED && call->numbered && !call->doubt) {
        return RETRY_PLAIN;
    }
    if (may_go_on(policy, call) && may_pass(call, code, retry_after_ms)) {
        uint64_t pause = pause_ns(policy, call->refusals + 1, retry_after_ms, random);
        if (later(call, now_ns, pause, at_ns) == RETRY_LATER) {
            return RETRY_LATER;
        }
    }
    bool open = call->access == STATED_ACCESS_WRITE && call->doubt && !settles_earlier(code);
    return open ? RETRY_UNCERTAIN : RETRY_END;
}

enum retry_action retry_after_loss(const struct retry_policy *policy, const struct retry_call *call,
                                   uint64_t now_ns, uint32_t random, uint64_t *at_ns)
{
    if (!may_go_on(policy, call) || !may_repeat(call)) {
        return RETRY_END;
    }
    /* The first loss says nothing about the server's health; a call that is lost again and again
       may be what breaks the connections. */
    return call->tries < 3
               ? RETRY_AGAIN
               : later(call, now_ns, pause_ns(policy, call->tries - 2, 0, random), at_ns);
}
