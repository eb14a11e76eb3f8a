/* What is done without the lock: outcomes are handed over, and news are told. */
#include "channel.h"

#include "dial_error.h"

#include <string.h>

void channel_note_news(struct channel *self, bool connected, int failure)
{
    const char *endpoint = self->endpoints[self->guarded.endpoint].url;
    bool same = self->guarded.connected == connected && self->guarded.news_failure == failure &&
                self->guarded.news_endpoint == endpoint;
    if (!same) {
        self->guarded.connected = connected;
        self->guarded.news_failure = failure;
        self->guarded.news_endpoint = endpoint;
        self->guarded.news = true;
    }
}

bool channel_take_news(struct channel *self, struct channel_news *news)
{
    uint8_t said[FRAMING_GREETING_BYTES];
    pthread_mutex_lock(&self->lock);
    bool taken = self->guarded.news && !self->guarded.telling;
    int failure = self->guarded.news_failure;
    if (taken) {
        self->guarded.news = false;
        self->guarded.announced = false;
        self->guarded.telling = true;
    }
    *news = (struct channel_news){.connected = self->guarded.connected,
                                  .endpoint = self->guarded.news_endpoint};
    memcpy(said, self->guarded.said, sizeof(said));
    pthread_mutex_unlock(&self->lock);
    if (taken && !news->connected) {
        dial_error_explain(failure, said, news->endpoint, self->options.connect_timeout_ms,
                           &news->why);
    }
    return taken;
}

void channel_told_news(struct channel *self)
{
    pthread_mutex_lock(&self->lock);
    self->guarded.telling = false;
    pthread_mutex_unlock(&self->lock);
}

/* Under the lock. */
static void leave(struct channel *self)
{
    self->guarded.finishing--;
    if (self->guarded.state == CHANNEL_SHUT) {
        pthread_cond_broadcast(&self->guarded.changed);
    }
}

void channel_finish(struct channel *self, struct channel_settled *settled)
{
    struct list_node *node;
    channel_cork(self);
    while ((node = list_pop_front(&settled->done)) != NULL) {
        slot_finish(CONTAINER_OF(node, struct slot, node));
    }
    channel_uncork(self);
    pthread_mutex_lock(&self->lock);
    bool news = self->guarded.news && !self->guarded.announced;
    self->guarded.announced = self->guarded.news;
    if (!news) {
        leave(self);
    }
    pthread_mutex_unlock(&self->lock);
    if (news) {
        self->options.on_news(self->options.news_argument);
        pthread_mutex_lock(&self->lock);
        leave(self);
        pthread_mutex_unlock(&self->lock);
    }
}
