#include "kv_watch.h"

#include "kv_entry.h"
#include "kv_request.h"

#include <inttypes.h>

/* A copy in the watch's arena; NULL when memory is out. */
static const struct stated_kv_entry *copy(struct stated_kv_watch *self,
                                          const Stated__V1__Entry *entry)
{
    void *block = kv_arena_take(&self->arena, kv_entry_block_bytes(entry));
    return block == NULL ? NULL : kv_entry_fill(block, entry);
}

static bool copy_event(struct stated_kv_watch *self, const Stated__V1__Event *from,
                       struct stated_kv_event *to)
{
    *to = (struct stated_kv_event){.deleted = from->type == STATED__V1__EVENT__TYPE__TYPE_DELETE,
                                   .entry = copy(self, from->entry),
                                   .previous =
                                       from->previous == NULL ? NULL : copy(self, from->previous)};
    return to->entry != NULL && (to->previous != NULL) == (from->previous != NULL);
}

/* All of them, so that none has been told when there is no memory for one. */
static struct stated_kv_event *copy_events(struct stated_kv_watch *self,
                                           const Stated__V1__WatchResponse *response)
{
    struct stated_kv_event *events =
        kv_arena_take(&self->arena, response->n_events * sizeof(*events));
    for (size_t i = 0; events != NULL && i < response->n_events; i++) {
        if (!copy_event(self, response->events[i], &events[i])) {
            return NULL;
        }
    }
    return events;
}

static enum stated_code check_event(const Stated__V1__Event *event, struct stated_status *status)
{
    if (event->entry == NULL) {
        return kv_say(status, STATED_INTERNAL, "the server told of a change of no key");
    }
    if (event->type != STATED__V1__EVENT__TYPE__TYPE_PUT &&
        event->type != STATED__V1__EVENT__TYPE__TYPE_DELETE) {
        return kv_say(status, STATED_UNIMPLEMENTED,
                      "revision %" PRIu64 " has a change of kind %d, which this client does not "
                      "know: the server is newer; go on from there with a client of its version",
                      event->entry->mod_revision, (int)event->type);
    }
    return STATED_OK;
}

/* Before any is told: who cannot be told one of them is told none, and can go on where it was. */
static enum stated_code check(const struct stated_kv_watch *self,
                              const Stated__V1__WatchResponse *response,
                              struct stated_status *status)
{
    bool moves_on = response->n_events == 0 ? response->next_revision >= self->next_revision
                                            : response->next_revision > self->next_revision;
    if (!moves_on) {
        return kv_say(status, STATED_INTERNAL, "the server told what it had told before");
    }
    enum stated_code code = STATED_OK;
    for (size_t i = 0; code == STATED_OK && i < response->n_events; i++) {
        code = check_event(response->events[i], status);
    }
    return code;
}

enum stated_code kv_watch_tell_events(struct stated_kv_watch *self,
                                      const Stated__V1__WatchResponse *response,
                                      struct stated_status *status)
{
    enum stated_code code = check(self, response, status);
    if (code != STATED_OK) {
        return code;
    }
    if (response->n_events > 0) {
        struct stated_kv_event *events = copy_events(self, response);
        if (events != NULL) {
            self->on_events(self->argument, events, response->n_events);
        }
        kv_arena_clear(&self->arena);
        if (events == NULL) {
            return kv_say(status, STATED_RESOURCE_EXHAUSTED, "no memory for the events");
        }
    }
    pthread_mutex_lock(&self->lock);
    self->next_revision = response->next_revision;
    pthread_mutex_unlock(&self->lock);
    return STATED_OK;
}
