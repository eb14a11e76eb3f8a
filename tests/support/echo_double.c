#include "echo_double.h"

#include "test.h"

#include "stated/v1/state.pb-c.h"

#include <string.h>

static void handle(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    struct echo_double *self = argument;
    struct rep_reply replies[REP_REPLIES];
    static Stated__V1__ReadResponse responses[REP_REPLIES];
    if (atomic_load(&self->hold)) {
        answer->kind = REP_HOLD;
        return;
    }
    for (size_t i = 0; i < frame->n_calls; i++) {
        const ProtobufCBinaryData *payload = &frame->calls[i]->payload;
        Stated__V1__ReadRequest *request =
            stated__v1__read_request__unpack(NULL, payload->len, payload->data);
        responses[i] = (Stated__V1__ReadResponse)STATED__V1__READ_RESPONSE__INIT;
        responses[i].count = request->limit;
        stated__v1__read_request__free_unpacked(request, NULL);
        replies[i] = (struct rep_reply){.payload = &responses[i].base};
    }
    atomic_fetch_add(&self->calls, (unsigned)frame->n_calls);
    rep_answer_replies(answer, replies, frame->n_calls);
}

void echo_double_start(struct echo_double *self, const char *url)
{
    *self = (struct echo_double){.server = NULL};
    echo_double_restart(self, url);
}

void echo_double_restart(struct echo_double *self, const char *url)
{
    self->server =
        url == NULL ? rep_double_start(handle, self) : rep_double_start_at(url, handle, self);
}

void echo_double_stop(struct echo_double *self)
{
    rep_double_stop(self->server);
    self->server = NULL;
}

struct stated_client *echo_double_client(const struct echo_double *self,
                                         struct stated_client_options options)
{
    struct stated_client *client;
    struct stated_status status;
    if (options.endpoint == NULL) {
        options.endpoint = rep_double_url(self->server);
    }
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fail_msg("%s", status.message);
    }
    return client;
}

enum stated_code echo_double_call(struct stated_client *client,
                                  const struct stated_client_method *method,
                                  const struct stated_call_options *options, uint32_t limit,
                                  struct stated_status *status)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    ProtobufCMessage *response;
    request.limit = limit;
    enum stated_code code =
        stated_client_call(client, method, options, &request.base, &response, status);
    if (response != NULL) {
        assert_int_equal(((Stated__V1__ReadResponse *)response)->count, limit);
        protobuf_c_message_free_unpacked(response, NULL);
    }
    return code;
}
