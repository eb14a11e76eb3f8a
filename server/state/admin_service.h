/* AdminService: what operators ask a server about itself. Every server has it. */
#ifndef STATED_STATE_ADMIN_SERVICE_H
#define STATED_STATE_ADMIN_SERVICE_H

#include "stated/server.h"

/* Serves stated.v1.AdminService. Errors as stated_server_register. */
enum stated_code admin_service_register(struct stated_server *server,
                                        struct stated_status *status) STATED_MUST_USE;

#endif
