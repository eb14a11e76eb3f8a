/* Endpoint URLs: whether a given one can work at all. */
#ifndef STATED_CLIENT_ENDPOINT_H
#define STATED_CLIENT_ENDPOINT_H

#include "stated/status.h"

/* INVALID_ARGUMENT, with a message that names the URL and what was probably meant, unless url is
   one that a client can dial: ipc://PATH, tcp://HOST:PORT, inproc://NAME. Any thread, does not
   block. */
enum stated_code endpoint_check(const char *url, struct stated_status *status) STATED_MUST_USE;

#endif
