#include "frames.h"

#include "frame.h"

#include <stdlib.h>
#include <time.h>

static void answered(struct exchange *exchange)
{
    struct frames *self = CONTAINER_OF(exchange, struct frames, exchange);
    pthread_mutex_lock(&self->mutex);
    self->answered = true;
    self->answers++;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

void frames_init(struct frames *self, struct dispatch *dispatch)
{
    exchange_init(&self->exchange, dispatch, answered);
    gate_party_init(&self->party);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->answered = false;
    self->answers = 0;
}

void frames_deinit(struct frames *self)
{
    exchange_deinit(&self->exchange);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
}

void frames_begin(struct frames *self, const void *body, size_t length)
{
    self->answered = false;
    exchange_begin(&self->exchange, body, length, &self->party);
}

Stated__V1__ReplyFrame *frames_wait(struct frames *self)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 60;
    pthread_mutex_lock(&self->mutex);
    while (!self->answered) {
        if (pthread_cond_timedwait(&self->changed, &self->mutex, &deadline) != 0) {
            abort();
        }
    }
    pthread_mutex_unlock(&self->mutex);

    size_t size = exchange_reply_size(&self->exchange);
    uint8_t *bytes = malloc(size);
    exchange_put_reply(&self->exchange, bytes);
    exchange_reset(&self->exchange);
    Stated__V1__ReplyFrame *reply = frame_unpack_reply(bytes, size, NULL);
    free(bytes);
    return reply;
}

Stated__V1__ReplyFrame *frames_send(struct frames *self, const void *body, size_t length)
{
    frames_begin(self, body, length);
    return frames_wait(self);
}

void frames_begin_calls(struct frames *self, const struct frames_call *calls, size_t n)
{
    struct frame_call *wire = calloc(n + 1, sizeof(*wire));
    uint8_t **payloads = calloc(n + 1, sizeof(uint8_t *));
    size_t size = frame_request_header_size(NULL, 0);
    for (size_t i = 0; i < n; i++) {
        size_t bytes = protobuf_c_message_get_packed_size(calls[i].request);
        payloads[i] = malloc(bytes + 1);
        protobuf_c_message_pack(calls[i].request, payloads[i]);
        wire[i] = (struct frame_call){.method = calls[i].method,
                                      .payload = payloads[i],
                                      .payload_bytes = bytes,
                                      .timeout_ms = calls[i].timeout_ms,
                                      .sequence = calls[i].sequence};
        size += frame_call_size(&wire[i]);
    }
    uint8_t *body = malloc(size + 1);
    uint8_t *end = frame_put_request_header(body, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        end = frame_put_call(end, &wire[i]);
        free(payloads[i]);
    }
    frames_begin(self, body, (size_t)(end - body));
    free(body);
    free(payloads);
    free(wire);
}

Stated__V1__ReplyFrame *frames_call(struct frames *self, const struct frames_call *calls, size_t n)
{
    frames_begin_calls(self, calls, n);
    return frames_wait(self);
}
