/* Endpoint URLs: whether a given one can work at all. */
#ifndef STATED_CLIENT_ENDPOINT_H
#define STATED_CLIENT_ENDPOINT_H

#include "stated/status.h"

#include <stddef.h>

/* INVALID_ARGUMENT, with a message that names the URL and what was probably meant, unless each of
   the URLs in the list, with commas between them, is one that a client can dial: ipc://PATH,
   tcp://HOST:PORT. Any thread, does not block. */
enum stated_code endpoint_check(const char *list, struct stated_status *status) STATED_MUST_USE;

/* Bytes of the first URL of a list: up to a comma behind which another URL begins. */
size_t endpoint_length(const char *list);

/* How many URLs a list has, at least one. */
size_t endpoint_count(const char *list);

#endif
