#include "cancel.h"

#include "handle.h"

struct stated_cancel *stated_cancel_new(struct stated_client *client)
{
    handle_check(client, __func__);
    struct stated_cancel *self = memory_take(&client->memory, sizeof(*self));
    if (self != NULL) {
        *self = (struct stated_cancel){.client = client};
        list_init(&self->slots);
    }
    return self;
}

void stated_cancel_calls(struct stated_cancel *self)
{
    channel_cancel(&self->client->channel, self);
}

void stated_cancel_free(struct stated_cancel *self)
{
    if (self != NULL) {
        channel_forget_cancel(&self->client->channel, self);
        memory_give(&self->client->memory, self);
    }
}
