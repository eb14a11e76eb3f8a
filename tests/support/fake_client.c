#include "fake_client.h"

#include "stated/client.h"
#include "stated/v1/admin.pb-c.h"
#include "stated/v1/state.pb-c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 2500, KEY_BYTES = 64, VALUE_BYTES = 256, FIRST_EPOCH = 7 };

struct stated_client {
    int unused;
};

struct fake_entry {
    uint8_t key[KEY_BYTES];
    size_t key_bytes;
    uint8_t value[VALUE_BYTES];
    size_t value_bytes;
    uint8_t before[VALUE_BYTES]; /* the value before the last write */
    size_t before_bytes;
    uint64_t version;
    uint64_t mod_revision;
};

struct job {
    struct job *next;
    bool read;
    ProtobufCMessage *request;
    stated_call_done done;
    stated_callback callback;
    void *argument;
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    uint32_t clients; /* the thread runs while there are some */
    struct job *first;
    struct job **last;
    struct fake_faults faults;
    struct fake_entry entries[MAX_KEYS];
    uint32_t keys;
    uint64_t calls;
    uint64_t next_ticket;
    uint64_t revision;
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

void fake_server_reset(const struct fake_faults *faults)
{
    pthread_mutex_lock(&server.mutex);
    server.faults = *faults;
    server.keys = 0;
    server.calls = 0;
    server.next_ticket = 1;
    server.revision = 0;
    pthread_mutex_unlock(&server.mutex);
}

uint32_t fake_server_keys(void)
{
    pthread_mutex_lock(&server.mutex);
    uint32_t keys = server.keys;
    pthread_mutex_unlock(&server.mutex);
    return keys;
}

uint32_t fake_server_clients(void)
{
    pthread_mutex_lock(&server.mutex);
    uint32_t clients = server.clients;
    pthread_mutex_unlock(&server.mutex);
    return clients;
}

static bool due(uint64_t at)
{
    return at != 0 && server.calls == at;
}

static bool due_every(uint64_t every)
{
    return every != 0 && server.calls % every == 0;
}

static struct fake_entry *find(ProtobufCBinaryData key)
{
    for (uint32_t i = 0; i < server.keys; i++) {
        if (server.entries[i].key_bytes == key.len &&
            memcmp(server.entries[i].key, key.data, key.len) == 0) {
            return &server.entries[i];
        }
    }
    return NULL;
}

static void put(const Stated__V1__Put *put, uint64_t revision)
{
    struct fake_entry *entry = find(put->key);
    if (put->key.len > KEY_BYTES || put->value.len > VALUE_BYTES || server.keys == MAX_KEYS) {
        abort(); /* a test that asks too much of the fake */
    }
    if (entry == NULL) {
        entry = &server.entries[server.keys++];
        *entry = (struct fake_entry){.key_bytes = put->key.len};
        memcpy(entry->key, put->key.data, put->key.len);
    }
    memcpy(entry->before, entry->value, entry->value_bytes);
    entry->before_bytes = entry->value_bytes;
    memcpy(entry->value, put->value.data, put->value.len);
    entry->value_bytes = put->value.len;
    entry->version++;
    entry->mod_revision = revision;
}

static ProtobufCMessage *do_write(const Stated__V1__WriteRequest *request)
{
    Stated__V1__WriteResponse *response = malloc(sizeof *response);
    stated__v1__write_response__init(response);
    server.revision++;
    for (size_t i = 0; i < request->n_mutations && !due(server.faults.lose_write_at); i++) {
        put(request->mutations[i]->put, server.revision);
    }
    response->applied = 1;
    response->revision = server.revision;
    return &response->base;
}

static ProtobufCBinaryData copy(const uint8_t *bytes, size_t length)
{
    ProtobufCBinaryData data = {length, malloc(length + 1)};
    memcpy(data.data, bytes, length);
    return data;
}

static Stated__V1__Entry *show(const struct fake_entry *entry, bool stale)
{
    Stated__V1__Entry *shown = malloc(sizeof *shown);
    stated__v1__entry__init(shown);
    shown->key = copy(entry->key, entry->key_bytes);
    shown->value =
        stale ? copy(entry->before, entry->before_bytes) : copy(entry->value, entry->value_bytes);
    shown->version = entry->version;
    shown->mod_revision = entry->mod_revision;
    return shown;
}

static bool selects(const Stated__V1__Selector *selector, const struct fake_entry *entry)
{
    if (selector->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
        return selector->key.len == entry->key_bytes &&
               memcmp(selector->key.data, entry->key, entry->key_bytes) == 0;
    }
    return selector->prefix.len <= entry->key_bytes &&
           memcmp(selector->prefix.data, entry->key, selector->prefix.len) == 0;
}

/* In the order the keys were made, which is what the bench's keys sort by; `after` is honoured. */
static ProtobufCMessage *do_read(const Stated__V1__ReadRequest *request, bool stale)
{
    Stated__V1__ReadResponse *response = malloc(sizeof *response);
    stated__v1__read_response__init(response);
    response->entries = calloc(MAX_KEYS, sizeof(Stated__V1__Entry *));
    bool behind = request->after.len == 0;
    for (uint32_t i = 0; i < server.keys; i++) {
        const struct fake_entry *entry = &server.entries[i];
        if (behind && selects(request->select[0], entry)) {
            if (request->limit != 0 && response->n_entries == request->limit) {
                response->more = 1;
                break;
            }
            response->entries[response->n_entries++] = show(entry, stale);
        }
        behind = behind || (request->after.len == entry->key_bytes &&
                            memcmp(request->after.data, entry->key, entry->key_bytes) == 0);
    }
    response->count = response->n_entries;
    response->revision = server.revision;
    return &response->base;
}

static uint64_t take_ticket(void)
{
    if (due(server.faults.skip_ticket_at)) {
        server.next_ticket++;
    }
    if (due(server.faults.double_ticket_at)) {
        return server.next_ticket - 1;
    }
    uint64_t ticket = server.next_ticket++;
    if (due(server.faults.swap_tickets_at)) {
        return ticket + 1;
    }
    return server.faults.swap_tickets_at != 0 && server.calls == server.faults.swap_tickets_at + 1
               ? ticket - 1
               : ticket;
}

/* The outcome of the job; the response is NULL unless OK. */
static ProtobufCMessage *execute(const struct job *job, struct stated_status *status)
{
    const struct fake_faults *faults = &server.faults;
    ProtobufCMessage *response = NULL;
    server.calls++;
    if (due_every(faults->refuse_every)) {
        stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "the queue is full");
        status->order.epoch = FIRST_EPOCH;
        return NULL;
    }
    if (!due_every(faults->drop_call_every)) {
        status->order.ticket = take_ticket();
        bool stale = faults->stale_read_at != 0 && server.calls >= faults->stale_read_at;
        response = job->read
                       ? do_read((const Stated__V1__ReadRequest *)(const void *)job->request, stale)
                       : do_write((const Stated__V1__WriteRequest *)(const void *)job->request);
        bool restarted = faults->restart_at != 0 && server.calls >= faults->restart_at;
        status->order.epoch = restarted ? FIRST_EPOCH + 1 : FIRST_EPOCH;
    }
    if (response == NULL || due_every(faults->lose_reply_every)) {
        if (response != NULL) {
            protobuf_c_message_free_unpacked(response, NULL);
        }
        stated_status_set(status, STATED_DEADLINE_EXCEEDED, "no reply in time");
        return NULL;
    }
    return response;
}

static void finish(struct job *job)
{
    struct stated_status status = {0};
    pthread_mutex_lock(&server.mutex);
    ProtobufCMessage *response = execute(job, &status);
    pthread_mutex_unlock(&server.mutex);
    job->done(job->callback, job->argument, &status, response);
    protobuf_c_message_free_unpacked(job->request, NULL);
    free(job);
}

static void *serve(void *unused)
{
    pthread_mutex_lock(&server.mutex);
    while (server.clients > 0) {
        struct job *job = server.first;
        if (job == NULL) {
            pthread_cond_wait(&server.wake, &server.mutex);
            continue;
        }
        server.first = job->next;
        if (server.first == NULL) {
            server.last = &server.first;
        }
        pthread_mutex_unlock(&server.mutex);
        finish(job);
        pthread_mutex_lock(&server.mutex);
    }
    pthread_mutex_unlock(&server.mutex);
    return unused;
}

size_t stated_default_endpoint(char *buffer, size_t size)
{
    return (size_t)snprintf(buffer, size, "ipc:///nowhere/stated.sock");
}

enum stated_code stated_client_open(const struct stated_client_options *options,
                                    struct stated_client **client, struct stated_status *status)
{
    *client = NULL;
    pthread_mutex_lock(&server.mutex);
    bool refuse = server.faults.refuse_to_open;
    bool first = !refuse && server.clients++ == 0;
    if (first) {
        server.last = &server.first;
    }
    pthread_mutex_unlock(&server.mutex);
    if (refuse) {
        return stated_status_set(status, STATED_UNAVAILABLE, "nobody answers at %s",
                                 options->endpoint);
    }
    if (first && pthread_create(&server.thread, NULL, serve, NULL) != 0) {
        abort();
    }
    *client = calloc(1, sizeof **client);
    return STATED_OK;
}

void stated_client_close(struct stated_client *client)
{
    if (client == NULL) {
        return;
    }
    pthread_mutex_lock(&server.mutex);
    bool last = --server.clients == 0;
    pthread_cond_broadcast(&server.wake);
    pthread_mutex_unlock(&server.mutex);
    if (last) {
        pthread_join(server.thread, NULL);
    }
    free(client);
}

static ProtobufCMessage *do_status(void)
{
    Stated__V1__StatusResponse *response = malloc(sizeof *response);
    stated__v1__status_response__init(response);
    response->queue = malloc(sizeof *response->queue);
    stated__v1__queue_status__init(response->queue);
    response->queue->next_ticket = server.next_ticket;
    return &response->base;
}

enum stated_code stated_client_call(struct stated_client *client,
                                    const struct stated_client_method *method,
                                    const struct stated_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **response,
                                    struct stated_status *status)
{
    (void)client;
    (void)options;
    (void)method;
    *response = NULL;
    pthread_mutex_lock(&server.mutex);
    if (request->descriptor == &stated__v1__status_request__descriptor) {
        *response = server.faults.no_status ? NULL : do_status();
    } else if (request->descriptor == &stated__v1__read_request__descriptor) {
        server.next_ticket++;
        if (server.faults.forget_at_the_end && server.calls > 0) {
            server.keys = 0;
        }
        *response = do_read((const Stated__V1__ReadRequest *)(const void *)request, false);
    } else {
        server.next_ticket++;
        *response = do_write((const Stated__V1__WriteRequest *)(const void *)request);
    }
    pthread_mutex_unlock(&server.mutex);
    if (*response == NULL) {
        return stated_status_set(status, STATED_UNIMPLEMENTED, "no such method here");
    }
    if (status != NULL) {
        *status = (struct stated_status){0};
    }
    return STATED_OK;
}

enum stated_code stated_client_call_async(struct stated_client *client,
                                          const struct stated_client_method *method,
                                          const struct stated_call_options *options,
                                          const ProtobufCMessage *request, stated_call_done done,
                                          stated_callback callback, void *argument,
                                          struct stated_status *status)
{
    (void)client;
    (void)options;
    (void)method;
    if (server.faults.refuse_to_start) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT, "will not start");
    }
    uint8_t packed[1024];
    size_t length = protobuf_c_message_get_packed_size(request);
    struct job *job = calloc(1, sizeof *job);
    if (length > sizeof packed || job == NULL) {
        abort();
    }
    protobuf_c_message_pack(request, packed);
    job->read = request->descriptor == &stated__v1__read_request__descriptor;
    job->request = protobuf_c_message_unpack(request->descriptor, NULL, length, packed);
    job->done = done;
    job->callback = callback;
    job->argument = argument;
    pthread_mutex_lock(&server.mutex);
    *server.last = job;
    server.last = &job->next;
    pthread_cond_signal(&server.wake);
    pthread_mutex_unlock(&server.mutex);
    return STATED_OK;
}
