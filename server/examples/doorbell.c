/* Callers that wait without a thread: `doorbell URL` serves doorbell.proto until it is interrupted.

   A listener whose news is still to come is parked; it is on a list of ours until its call ends. */
#include "doorbell.stated-server.h"

#include <stated/server.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

struct listener {
    struct stated_parked *parked;
    struct listener *next, **link; /* link: what points at this one */
    uint64_t seen;
};

static struct doorbell {
    pthread_mutex_t mutex;
    struct listener *listeners;
    uint64_t rings;
} doorbell = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static enum stated_code ring(struct stated_call *call, const Doorbell__V1__RingRequest *request,
                             Doorbell__V1__RingResponse *response)
{
    (void)call, (void)request;
    pthread_mutex_lock(&doorbell.mutex);
    response->rings = ++doorbell.rings;
    for (struct listener *each = doorbell.listeners; each != NULL; each = each->next) {
        stated_parked_wake(each->parked);
    }
    pthread_mutex_unlock(&doorbell.mutex);
    return STATED_OK;
}

/* Woken, late, or the server stops: there is news, or the answer is that there is none. */
static enum stated_code resume(struct stated_call *call, enum stated_wake why, void *memory,
                               ProtobufCMessage *message)
{
    const struct listener *self = memory;
    Doorbell__V1__ListenResponse *response = (Doorbell__V1__ListenResponse *)message;
    pthread_mutex_lock(&doorbell.mutex);
    response->rings = doorbell.rings;
    pthread_mutex_unlock(&doorbell.mutex);
    return why == STATED_WAKE_CALLED && response->rings <= self->seen ? stated_call_stay(call)
                                                                      : STATED_OK;
}

/* However it ended, it listens no more. */
static void end(struct stated_call *call, void *memory)
{
    struct listener *self = memory;
    (void)call;
    pthread_mutex_lock(&doorbell.mutex);
    *self->link = self->next;
    if (self->next != NULL) {
        self->next->link = self->link;
    }
    pthread_mutex_unlock(&doorbell.mutex);
}

static enum stated_code listen_for(struct stated_call *call,
                                   const Doorbell__V1__ListenRequest *request,
                                   Doorbell__V1__ListenResponse *response)
{
    static const struct stated_park_ops ops = {.resume = resume, .end = end};
    struct stated_parked *parked;
    enum stated_code code = stated_call_park(call, &ops, sizeof(struct listener), &parked);
    (void)response;
    if (code != STATED_OK) {
        return code;
    }
    struct listener *self = stated_parked_memory(parked);
    self->parked = parked;
    self->seen = request->seen;
    pthread_mutex_lock(&doorbell.mutex);
    self->next = doorbell.listeners;
    self->link = &doorbell.listeners;
    if (self->next != NULL) {
        self->next->link = &self->next;
    }
    doorbell.listeners = self;
    pthread_mutex_unlock(&doorbell.mutex);
    stated_parked_wake(parked); /* it may have been rung already: resume looks */
    return STATED_OK;
}

static const struct doorbell_v1_doorbell_handlers handlers = {.ring = ring, .listen = listen_for};

int main(int argc, char **argv)
{
    const char *listen[] = {argc > 1 ? argv[1] : "tcp://127.0.0.1:7422"};
    struct stated_server_options options = STATED_SERVER_OPTIONS_INIT;
    options.listen = listen;
    options.n_listen = 1;

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before the server starts its threads */

    struct stated_status status = {.code = STATED_OK};
    struct stated_server *server;
    if (stated_server_new(&options, &server, &status) != STATED_OK ||
        stated_server_register(server, &doorbell_v1_doorbell_type, &handlers, NULL, &status) !=
            STATED_OK ||
        stated_server_start(server, &status) != STATED_OK) {
        fprintf(stderr, "doorbell: %s\n", status.message);
        return 1;
    }
    fprintf(stderr, "doorbell: serving on %s\n", listen[0]);
    int signal_number;
    sigwait(&signals, &signal_number);
    stated_server_stop(server);
    enum stated_code code = stated_server_join(server, &status);
    stated_server_free(server);
    return code == STATED_OK ? 0 : 1;
}
