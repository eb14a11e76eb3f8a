#include "state/state_service.h"

#include "rpc/call.h"
#include "rpc/execute.h"
#include "server.h"
#include "state/validate.h"
#include "state/watch.h"
#include "state/watch_feed.h"

#include "stated/v1/state.stated-server.h"

static enum stated_code admit_read(struct stated_call *call, const Stated__V1__ReadRequest *request,
                                   struct stated_admission *admission)
{
    const char *message = "";
    enum stated_code code = validate_read(request, call_arena(call), &message);
    if (code != STATED_OK) {
        return stated_call_fail(call, code, "%s", message);
    }
    admission->light = validate_read_is_light(request);
    admission->bypass = request->consistency == STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
    return STATED_OK;
}

static enum stated_code read_entries(struct stated_call *call,
                                     const Stated__V1__ReadRequest *request,
                                     Stated__V1__ReadResponse *response)
{
    call->op.kind = STORE_READ;
    call->op.read = request;
    call->op.read_response = response;
    return execute_apply(call);
}

static enum stated_code admit_write(struct stated_call *call,
                                    const Stated__V1__WriteRequest *request,
                                    struct stated_admission *admission)
{
    (void)admission;
    const char *message = "";
    enum stated_code code = validate_write(request, call_arena(call), &message);
    return code == STATED_OK ? STATED_OK : stated_call_fail(call, code, "%s", message);
}

static enum stated_code write_entries(struct stated_call *call,
                                      const Stated__V1__WriteRequest *request,
                                      Stated__V1__WriteResponse *response)
{
    call->op.kind = STORE_WRITE;
    call->op.write = request;
    call->op.write_response = response;
    return execute_apply(call);
}

static const struct stated_v1_state_service_handlers handlers = {
    .admit_read = admit_read,
    .read = read_entries,
    .admit_write = admit_write,
    .write = write_entries,
    .admit_watch = watch_admit,
    .watch = watch_changes,
};

enum stated_code state_service_register(struct stated_server *server, struct store *store,
                                        struct stated_status *status)
{
    struct watch_feed *feed = NULL;
    server_use_store(server, store);
    if ((store->ops->capabilities & STORE_CAN_CHANGES) != 0) {
        if (watch_feed_new(store, &feed) != STATED_OK) {
            return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                     "cannot start the thread that follows changes");
        }
        server_keep_part(server, &feed->part);
    }
    return stated_server_register(server, &stated_v1_state_service_type, &handlers, feed, status);
}
