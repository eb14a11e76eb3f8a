#include "rpc/call.h"

#include "rpc/exchange.h"

#include <stdarg.h>

struct arena *call_arena(struct stated_call *self)
{
    return &self->exchange->arena;
}

void *stated_call_state(const struct stated_call *call)
{
    return call->service->state;
}

void *stated_call_alloc(struct stated_call *call, size_t size)
{
    return arena_alloc(call_arena(call), size);
}

enum stated_code stated_call_fail(struct stated_call *call, enum stated_code code,
                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    call_set_outcome(call, code, arena_vformat(call_arena(call), format, arguments));
    va_end(arguments);
    return code;
}

enum stated_code stated_call_torn(struct stated_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    call_set_outcome(call, STATED_INTERNAL, arena_vformat(call_arena(call), format, arguments));
    va_end(arguments);
    call->torn = true;
    return STATED_INTERNAL;
}

void call_set_outcome(struct stated_call *self, enum stated_code code, const char *message)
{
    self->reply.code = code;
    self->reply.message = message;
}

void call_invoke(struct stated_call *self)
{
    enum stated_code code =
        self->method->invoke(self->service->handlers, self, self->request, self->response);
    if (code != self->reply.code) {
        call_set_outcome(self, code, "the handler gave no reason");
    }
}

void call_complete(struct stated_call *self)
{
    if (self->uses_store && self->op.code != STATED_OK) {
        call_set_outcome(self, self->op.code, self->op.message);
    }
    if (self->reply.code == STATED_OK) {
        self->reply.payload = self->response;
    }
    exchange_call_done(self->exchange);
}
