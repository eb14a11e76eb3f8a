/* The methods of the contract that statectl is linked with, by name. */
#ifndef STATED_STATECTL_METHODS_H
#define STATED_STATECTL_METHODS_H

#include "stated/client.h"

#include <stddef.h>

/* The method with this index, in the order of the contract; NULL behind the last. Static. */
const struct stated_client_method *methods_at(size_t index);

/* The method of this name: whole ("stated.v1.StateService/Read"), or as much of its end as nobody
   else has ("StateService/Read", "Read"). NULL after saying what is wrong with it, and which may
   have been meant. Main thread. */
const struct stated_client_method *methods_find(const char *name);

/* "none", "read", "write" or "park". Static. */
const char *methods_access(enum stated_access access);

#endif
