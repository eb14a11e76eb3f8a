/* What one recorded call does to one key, and what it says about it. */
#ifndef STATED_ORDER_CALL_EFFECT_H
#define STATED_ORDER_CALL_EFFECT_H

#include "order/oracle.h"

#include <stdbool.h>
#include <stdint.h>

/* Lets the call take effect on the key's value. False when its reply does not fit the value, which
   then is of no use. An unknown value fits every reply, and is then what the reply showed. Any
   thread, as all of these. */
bool call_effect_apply(const struct oracle_call *call, uint32_t key, struct oracle_value *value);

/* Whether the call leaves the key alone. */
bool call_effect_only_reads(const struct oracle_call *call, uint32_t key);

/* Whether the call does nothing with the key but give it a value, which is then in *value. */
bool call_effect_only_puts(const struct oracle_call *call, uint32_t key,
                           struct oracle_value *value);

/* Whether the reply showed the key with this value. */
bool call_effect_shows(const struct oracle_call *call, uint32_t key, struct oracle_value value);

/* Whether both calls do and show the same, as far as the key is concerned. */
bool call_effect_same(const struct oracle_call *a, const struct oracle_call *b, uint32_t key);

#endif
