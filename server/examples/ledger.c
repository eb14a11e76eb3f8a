/* Your own struct behind a ticket lock: `ledger URL` serves ledger.proto until it is interrupted.

   Handlers are plain functions without a lock: reads run beside each other, a write runs alone, and
   all take effect in ticket order. */
#include "ledger.stated-server.h"

#include <stated/server.h>

#include <signal.h>
#include <stdio.h>

#define ACCOUNTS 8

struct internal_state {
    int64_t cents[ACCOUNTS];
};

/* NULL when there is no such account; the call has failed with NOT_FOUND then. */
static int64_t *find_account(struct stated_call *call, uint32_t account)
{
    struct internal_state *state = stated_call_state(call);
    if (account < ACCOUNTS) {
        return &state->cents[account];
    }
    stated_call_fail(call, STATED_NOT_FOUND, "no account %u; there are 0 to %u", account,
                     ACCOUNTS - 1);
    return NULL;
}

static enum stated_code balance(struct stated_call *call, const Ledger__V1__BalanceRequest *request,
                                Ledger__V1__BalanceResponse *response)
{
    const int64_t *cents = find_account(call, request->account);
    if (cents == NULL) {
        return STATED_NOT_FOUND;
    }
    response->cents = *cents;
    return STATED_OK;
}

static enum stated_code transfer(struct stated_call *call,
                                 const Ledger__V1__TransferRequest *request,
                                 Ledger__V1__TransferResponse *response)
{
    int64_t *from = find_account(call, request->from);
    int64_t *to = find_account(call, request->to);
    if (from == NULL || to == NULL) {
        return STATED_NOT_FOUND;
    }
    if (request->cents <= 0 || request->cents > *from) {
        return stated_call_fail(call, STATED_FAILED_PRECONDITION,
                                "cannot move %lld cents: account %u holds %lld",
                                (long long)request->cents, request->from, (long long)*from);
    }
    *from -= request->cents;
    *to += request->cents;
    response->from_cents = *from;
    response->to_cents = *to;
    return STATED_OK;
}

static const struct ledger_v1_ledger_handlers handlers = {.balance = balance, .transfer = transfer};

int main(int argc, char **argv)
{
    struct internal_state state = {.cents = {[0] = 100000}};
    const char *listen[] = {argc > 1 ? argv[1] : "tcp://127.0.0.1:7421"};
    struct stated_server_options options = STATED_SERVER_OPTIONS_INIT;
    options.listen = listen;
    options.n_listen = 1;

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before the server starts its threads */

    struct stated_status status = {.code = STATED_OK};
    struct stated_server *server;
    if (stated_server_new(&options, &server, &status) != STATED_OK ||
        stated_server_register(server, &ledger_v1_ledger_type, &handlers, &state, &status) !=
            STATED_OK ||
        stated_server_start(server, &status) != STATED_OK) {
        fprintf(stderr, "ledger: %s\n", status.message);
        return 1;
    }
    fprintf(stderr, "ledger: serving on %s\n", listen[0]);
    int signal_number;
    sigwait(&signals, &signal_number);
    stated_server_stop(server);
    enum stated_code code = stated_server_join(server, &status);
    stated_server_free(server);
    return code == STATED_OK ? 0 : 1;
}
