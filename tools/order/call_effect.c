#include "order/call_effect.h"

#include <stddef.h>

/* The call's next step on the key, from the i-th on; NULL when there is no more. */
static const struct oracle_step *next_step(const struct oracle_call *call, uint32_t key,
                                           uint32_t *i)
{
    while (*i < call->n_steps && call->steps[*i].key != key) {
        ++*i;
    }
    return *i < call->n_steps ? &call->steps[(*i)++] : NULL;
}

static bool expect(struct oracle_value *value, struct oracle_value shown)
{
    if (value->kind != ORACLE_UNKNOWN && !oracle_value_same(*value, shown)) {
        return false;
    }
    *value = shown;
    return true;
}

/* Bytes are no number: the server would have refused the call. */
static bool add(struct oracle_value *value, struct oracle_value delta)
{
    switch (value->kind) {
    case ORACLE_ABSENT:
        *value = delta;
        return true;
    case ORACLE_NUMBER:
        value->bits += delta.bits;
        return true;
    case ORACLE_UNKNOWN:
        return true;
    case ORACLE_BYTES:
        break;
    }
    return false;
}

static bool step_apply(const struct oracle_step *step, struct oracle_value *value)
{
    switch (step->action) {
    case ORACLE_EXPECT:
        return expect(value, step->value);
    case ORACLE_PUT:
        *value = step->value;
        return true;
    case ORACLE_DELETE:
        *value = (struct oracle_value){.kind = ORACLE_ABSENT};
        return true;
    case ORACLE_ADD:
        return add(value, step->value);
    }
    return false;
}

bool call_effect_apply(const struct oracle_call *call, uint32_t key, struct oracle_value *value)
{
    uint32_t i = 0;
    const struct oracle_step *step = next_step(call, key, &i);
    while (step != NULL && step_apply(step, value)) {
        step = next_step(call, key, &i);
    }
    return step == NULL;
}

bool call_effect_only_reads(const struct oracle_call *call, uint32_t key)
{
    uint32_t i = 0;
    const struct oracle_step *step = next_step(call, key, &i);
    while (step != NULL && step->action == ORACLE_EXPECT) {
        step = next_step(call, key, &i);
    }
    return step == NULL;
}

bool call_effect_only_puts(const struct oracle_call *call, uint32_t key, struct oracle_value *value)
{
    uint32_t i = 0;
    const struct oracle_step *step = next_step(call, key, &i);
    if (step == NULL || step->action != ORACLE_PUT || next_step(call, key, &i) != NULL) {
        return false;
    }
    *value = step->value;
    return true;
}

bool call_effect_shows(const struct oracle_call *call, uint32_t key, struct oracle_value value)
{
    uint32_t i = 0;
    const struct oracle_step *step = next_step(call, key, &i);
    while (step != NULL &&
           !(step->action == ORACLE_EXPECT && oracle_value_same(step->value, value))) {
        step = next_step(call, key, &i);
    }
    return step != NULL;
}

bool call_effect_same(const struct oracle_call *a, const struct oracle_call *b, uint32_t key)
{
    uint32_t at_a = 0;
    uint32_t at_b = 0;
    const struct oracle_step *of_a;
    const struct oracle_step *of_b;
    do {
        of_a = next_step(a, key, &at_a);
        of_b = next_step(b, key, &at_b);
    } while (of_a != NULL && of_b != NULL && of_a->action == of_b->action &&
             oracle_value_same(of_a->value, of_b->value));
    return of_a == NULL && of_b == NULL;
}
