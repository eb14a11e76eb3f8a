/* Writes a recorded history as JSON lines, for whoever wants to look into an order or check it with
   a program of their own. */
#ifndef STATED_ORDER_ORDER_LOG_H
#define STATED_ORDER_ORDER_LOG_H

#include "order/oracle.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { ORDER_LOG_NAME_BYTES = 512 };

/* Writes the name of a key, without a NUL, and returns its length. Printable ASCII without quotes
   and backslashes. */
typedef size_t (*order_log_name)(const void *argument, uint32_t key,
                                 char name[ORDER_LOG_NAME_BYTES]);

/* Writes first the keys that were there before,
     {"state":"NAME","value":VALUE,"version":N,"mod_revision":N}
   and then a line for each call, in the order they were recorded,
     {"ticket":N,"sent_ns":N,"received_ns":N,"revision":N,"write":B,"lost":B,"steps":[STEP...]}
   with a STEP like {"expect":"NAME","value":VALUE,"version":N,"mod_revision":N} or {"put":"NAME",
   "value":VALUE}, {"delete":"NAME"}, {"add":"NAME","value":VALUE}. VALUE is null for an absent
   value, the number itself for a canonical decimal, else "xxh3:" and 16 hexadecimal digits. Before
   the history is checked, which changes its cells. Whether the writing worked, ferror(file) tells.
   Blocks on the file. */
void order_log_write(FILE *file, const struct oracle_history *history, order_log_name name,
                     const void *argument);

#endif
