#include "loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

bool loop_init(struct loop *self, bool wanted)
{
    *self = (struct loop){.fd = -1};
    list_init(&self->guarded.done);
    if (wanted) {
        self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    pthread_mutex_init(&self->lock, NULL);
    return !wanted || self->fd >= 0;
}

void loop_deinit(struct loop *self)
{
    pthread_mutex_destroy(&self->lock);
    if (self->fd >= 0) {
        close(self->fd);
    }
}

/* Under the lock, before something is added. A full counter is as good as a written one. */
static void wake(struct loop *self)
{
    const uint64_t one = 1;
    if (list_is_empty(&self->guarded.done) && !self->guarded.news) {
        ssize_t written = write(self->fd, &one, sizeof(one));
        (void)written;
    }
}

void loop_push(struct loop *self, struct slot *slot)
{
    pthread_mutex_lock(&self->lock);
    wake(self);
    list_push_back(&self->guarded.done, &slot->node);
    pthread_mutex_unlock(&self->lock);
}

void loop_push_news(struct loop *self)
{
    pthread_mutex_lock(&self->lock);
    wake(self);
    self->guarded.news = true;
    pthread_mutex_unlock(&self->lock);
}

void loop_take(struct loop *self, size_t most, struct list *slots, bool *news)
{
    uint64_t ignored;
    list_init(slots);
    pthread_mutex_lock(&self->lock);
    *news = self->guarded.news;
    self->guarded.news = false;
    for (size_t i = *news ? 1 : 0; i < most && !list_is_empty(&self->guarded.done); i++) {
        list_push_back(slots, list_pop_front(&self->guarded.done));
    }
    if (list_is_empty(&self->guarded.done)) {
        ssize_t got = read(self->fd, &ignored, sizeof(ignored));
        (void)got;
    }
    pthread_mutex_unlock(&self->lock);
}
