/* The control of the attacks: an echo server as NNG's documentation shows it, without any defence.

   usage: naive_rep IPC-URL TCP-URL
   A request that starts with 'l' gets 512 KiB. Serves on several contexts until it is killed. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONTEXTS = 16, LARGE_BYTES = 512 << 10 };

struct worker {
    nng_ctx context;
    nng_aio *aio;
    int receiving;
};

static void must(int error)
{
    if (error != 0) {
        fprintf(stderr, "naive_rep: %s\n", nng_strerror(error));
        exit(1);
    }
}

static void serve(void *argument)
{
    struct worker *self = argument;
    if (nng_aio_result(self->aio) != 0) {
        return;
    }
    if (!self->receiving) {
        self->receiving = 1;
        nng_ctx_recv(self->context, self->aio);
        return;
    }
    nng_msg *message = nng_aio_get_msg(self->aio);
    if (nng_msg_len(message) > 0 && *(char *)nng_msg_body(message) == 'l') {
        must(nng_msg_realloc(message, LARGE_BYTES));
    }
    self->receiving = 0;
    nng_aio_set_msg(self->aio, message);
    nng_ctx_send(self->context, self->aio);
}

int main(int argc, char **argv)
{
    static struct worker workers[CONTEXTS];
    nng_socket socket;
    if (argc != 3) {
        fprintf(stderr, "usage: naive_rep IPC-URL TCP-URL\n");
        return 2;
    }
    must(nng_rep0_open(&socket));
    for (int i = 0; i < CONTEXTS; i++) {
        must(nng_aio_alloc(&workers[i].aio, serve, &workers[i]));
        must(nng_ctx_open(&workers[i].context, socket));
        workers[i].receiving = 1;
        nng_ctx_recv(workers[i].context, workers[i].aio);
    }
    must(nng_listen(socket, argv[1], NULL, 0));
    must(nng_listen(socket, argv[2], NULL, 0));
    for (;;) {
        pause();
    }
}
