#include "channel.h"

#include "base/clock.h"

#include <nng/nng.h>

/* A look over all calls: what is due is settled, and the earliest time that is to come is kept. */
struct round {
    struct channel *channel;
    struct channel_settled *settled;
    uint64_t now_ns;
    uint64_t next_ns;
    int error; /* of the calls that end */
    bool all;  /* end every call */
};

static void note(struct round *round, uint64_t at_ns)
{
    round->next_ns = at_ns < round->next_ns ? at_ns : round->next_ns;
}

/* True when the call has been ended. A synchronous call's thread looks after its deadline. */
static bool end_if_over(struct round *round, struct slot *slot)
{
    bool over = slot->asynchronous && slot->retry.deadline_ns <= round->now_ns;
    if (over || round->all) {
        channel_end(round->channel, slot, &(struct outcome){.error = round->error}, round->settled);
        return true;
    }
    if (slot->asynchronous) {
        note(round, slot->retry.deadline_ns);
    }
    return false;
}

static void look_at_unsent(struct round *round)
{
    struct list *unsent = &round->channel->guarded.unsent;
    struct list_node *after;
    for (struct list_node *node = list_first(unsent); node != NULL; node = after) {
        after = list_after(unsent, node);
        end_if_over(round, CONTAINER_OF(node, struct slot, node));
    }
}

static void look_at_resting(struct round *round)
{
    struct list *resting = &round->channel->guarded.resting;
    struct list_node *after;
    for (struct list_node *node = list_first(resting); node != NULL; node = after) {
        after = list_after(resting, node);
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (end_if_over(round, slot)) {
            continue;
        }
        if (slot->at_ns <= round->now_ns) {
            channel_remove(round->channel, slot);
            channel_again(round->channel, slot, false, round->settled);
        } else {
            note(round, slot->at_ns);
        }
    }
}

static void look_at_flight(struct round *round, struct flight *flight)
{
    struct list_node *after;
    for (struct list_node *node = list_first(&flight->calls); node != NULL; node = after) {
        after = list_after(&flight->calls, node); /* the last one takes the flight with it */
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (end_if_over(round, slot) || slot->at_ns == 0) {
            continue;
        }
        if (slot->at_ns <= round->now_ns) {
            channel_remove(round->channel, slot);
            channel_judge_loss(round->channel, slot, NNG_ETIMEDOUT, round->settled);
        } else {
            note(round, slot->at_ns);
        }
    }
}

static void look_at_sent(struct round *round)
{
    struct list *flights = &round->channel->guarded.flights.list;
    struct list_node *after;
    for (struct list_node *node = list_first(flights); node != NULL; node = after) {
        after = list_after(flights, node);
        look_at_flight(round, CONTAINER_OF(node, struct flight, node));
    }
}

static void end_cancelled(struct round *round)
{
    struct list_node *node;
    while ((node = list_first(&round->channel->guarded.ending)) != NULL) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        channel_end(round->channel, slot, &(struct outcome){.error = NNG_ECANCELED},
                    round->settled);
    }
}

void channel_on_timer(void *argument)
{
    struct channel *self = argument;
    struct channel_settled settled;
    channel_settled_init(&settled);
    pthread_mutex_lock(&self->lock);
    alarm_went_off(&self->guarded.timer);
    bool shut = self->guarded.state == CHANNEL_SHUT;
    struct round round = {.channel = self,
                          .settled = &settled,
                          .now_ns = clock_now_ns(),
                          .next_ns = UINT64_MAX,
                          .error = shut ? NNG_ECLOSED : NNG_ETIMEDOUT,
                          .all = shut};
    end_cancelled(&round);
    look_at_unsent(&round);
    look_at_resting(&round);
    look_at_sent(&round);
    if (round.next_ns != UINT64_MAX) {
        alarm_set(&self->guarded.timer, round.next_ns);
    }
    channel_resend(self, &settled);
    pthread_cond_broadcast(&self->guarded.changed);
    pthread_mutex_unlock(&self->lock);
    channel_finish(self, &settled);
}
