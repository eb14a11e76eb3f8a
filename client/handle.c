#include "handle.h"

#include "base/clock.h"

struct call handle_make_call(const struct stated_client *client,
                             const struct stated_client_method *method,
                             const struct stated_call_options *options)
{
    uint32_t timeout_ms = options == NULL ? 0 : options->timeout_ms;
    if (timeout_ms == 0) {
        timeout_ms = client->timeout_ms;
    }
    return (struct call){.method = method,
                         .timeout_ms = timeout_ms,
                         .deadline_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS};
}

enum stated_code handle_conclude(struct stated_client *client, const struct call *call,
                                 const struct outcome *outcome, ProtobufCMessage **response,
                                 struct stated_status *status)
{
    bool connected = outcome->error == 0 || channel_is_connected(&client->channel);
    return call_conclude(call, outcome, client->channel.endpoint, connected, response, status);
}

enum stated_code handle_explain(const struct call *call, enum pool_result why,
                                struct stated_status *status)
{
    switch (why) {
    case POOL_CLOSED:
        return call_was_closed(call, status);
    case POOL_NO_MEMORY:
        return call_had_no_memory(call, status);
    case POOL_LENT:
    case POOL_QUEUED:
    case POOL_EXPIRED:
        break;
    }
    return call_waited_in_vain(call, status);
}
