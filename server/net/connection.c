/* Operations on the stream are posted under the connection's mutex and only while it is not
   closing, and closing happens under the same mutex: so each operation that is posted comes to an
   end, by itself or because the stream is closed under it, and nothing is posted on a closed
   stream, where NNG 1.5 would never end it. Nothing of NNG ever calls back on the caller's stack.
 */
#include "net/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct connection *connection_of_peer(struct peer *peer)
{
    return CONTAINER_OF(peer, struct connection, peer);
}

static void name_peer(nng_stream *stream, char name[PEER_NAME_BYTES])
{
    uint64_t pid;
    uint64_t uid;
    nng_sockaddr address;
    if (nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_PID, &pid) == 0 &&
        nng_stream_get_uint64(stream, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
        snprintf(name, PEER_NAME_BYTES, "process %" PRIu64 " of user %" PRIu64, pid, uid);
    } else if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &address) == 0) {
        char text[ADDRESS_BYTES];
        snprintf(name, PEER_NAME_BYTES, "%.*s", PEER_NAME_BYTES - 1,
                 address_format(&address, text));
    } else {
        snprintf(name, PEER_NAME_BYTES, "somebody who left");
    }
}

/* Gives back all but the stream, from any thread: NNG waits for callbacks on a thread of its own.
 */
static void free_parts(struct connection *self)
{
    nng_aio_reap(self->receive_aio);
    nng_aio_reap(self->send_aio);
    nng_aio_reap(self->direct_aio);
    pthread_mutex_destroy(&self->mutex);
    free(self->buffer);
    free(self);
}

static void destroy(struct peer *peer)
{
    struct connection *self = connection_of_peer(peer);
    nng_stream_free(self->stream);
    free_parts(self);
}

static struct connection *connection_new(struct connection_host *host, nng_stream *stream,
                                         bool marked)
{
    struct connection *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->host = host;
    self->stream = stream;
    self->marked = marked;
    self->capacity = CONNECTION_BUFFER_BYTES;
    self->buffer = malloc(CONNECTION_BUFFER_BYTES);
    list_node_init(&self->waiting);
    self->guarded.queue_end = &self->guarded.queue;
    pthread_mutex_init(&self->mutex, NULL);
    if (self->buffer == NULL ||
        nng_aio_alloc(&self->receive_aio, connection_receive_event, self) != 0 ||
        nng_aio_alloc(&self->send_aio, connection_send_event, self) != 0 ||
        nng_aio_alloc(&self->direct_aio, NULL, NULL) != 0) {
        free_parts(self);
        return NULL;
    }
    return self;
}

bool connection_open(struct connection_host *host, nng_stream *stream, bool marked)
{
    char name[PEER_NAME_BYTES];
    name_peer(stream, name);
    struct connection *self = connection_new(host, stream, marked);
    if (self != NULL && !peer_admit(&self->peer, host->peers, name, destroy, clock_now_ns())) {
        free_parts(self);
        self = NULL;
    }
    if (self == NULL) {
        nng_stream_close(stream);
        nng_stream_free(stream);
        return false;
    }
    log_debug("%s has connected", name);
    host->arrived(host->context);
    peer_acquire(&self->peer); /* the receiving side's */
    connection_send_greeting(self);
    connection_take_frames(self);
    return true;
}

void connection_close(struct connection *self, enum connection_end end)
{
    pthread_mutex_lock(&self->mutex);
    bool first = !self->guarded.closing;
    bool parked = self->guarded.parked;
    if (first) {
        self->guarded.closing = true;
        atomic_store(&self->closed, true);
        self->guarded.parked = false;
        nng_stream_close(self->stream);
    }
    pthread_mutex_unlock(&self->mutex);
    if (!first) {
        return;
    }
    atomic_fetch_add_explicit(&self->host->ended[end], 1, memory_order_relaxed);
    if (peer_leave(&self->peer)) {
        self->host->left_frames(self->host->context);
    }
    if (parked) {
        peer_release(&self->peer); /* the receiving side will not be taken up again */
    }
}

void connection_stop(struct connection *self)
{
    nng_aio_stop(self->receive_aio);
    nng_aio_stop(self->send_aio);
    nng_aio_stop(self->direct_aio);
}
