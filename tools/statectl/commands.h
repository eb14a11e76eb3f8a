/* The commands of statectl. */
#ifndef STATED_STATECTL_COMMANDS_H
#define STATED_STATECTL_COMMANDS_H

#include "statectl/cli.h"

extern const struct command cmd_get;
extern const struct command cmd_put;
extern const struct command cmd_create;
extern const struct command cmd_cas;
extern const struct command cmd_del;
extern const struct command cmd_add;
extern const struct command cmd_ls;
extern const struct command cmd_export;
extern const struct command cmd_import;
extern const struct command cmd_status;
extern const struct command cmd_health;
extern const struct command cmd_ping;
extern const struct command cmd_version;
extern const struct command cmd_queue;
extern const struct command cmd_poison;
extern const struct command cmd_rpc;
extern const struct command cmd_verify_order;

#endif
