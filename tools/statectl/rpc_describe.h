/* What a method takes and answers: its messages' fields, from their descriptors. */
#ifndef STATED_STATECTL_RPC_DESCRIBE_H
#define STATED_STATECTL_RPC_DESCRIBE_H

#include "stated/client.h"

#include <jansson.h>

/* Prints the method for people, on standard output. Main thread. */
void rpc_describe_print(const struct stated_client_method *method);

/* The same as an object. To decref. */
json_t *rpc_describe_json(const struct stated_client_method *method);

#endif
