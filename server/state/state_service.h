/* StateService: the built-in key/value methods, one small handler each, over the store interface
 * only. */
#ifndef STATED_STATE_STATE_SERVICE_H
#define STATED_STATE_STATE_SERVICE_H

#include "state/store.h"

#include "stated/server.h"

/* Serves stated.v1.StateService from the store, which the server's runs follow from now on. Before
   start; the store outlives the server. Errors as stated_server_register. */
enum stated_code state_service_register(struct stated_server *server, struct store *store,
                                        struct stated_status *status) STATED_MUST_USE;

#endif
