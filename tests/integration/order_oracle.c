/* Many clients call one server at once; then every reply is replayed by ticket.

   usage: order_oracle ENDPOINT CLIENTS CALLS SEED LOG [IMPATIENT]

   The server must be empty and have no other client. CALLS are of each client; IMPATIENT percent of
   them get a few milliseconds only, and some are left by a client that closes. The recorded log is
   afterwards spoilt in each way that must be noticed, so that a check that sees nothing is one. */
#include "order/call_log.h"
#include "order/history.h"
#include "order/linear.h"
#include "order/oracle.h"
#include "order_load.h"
#include "stated/v1/admin.stated-client.h"
#include "stated/v1/state.pb-c.h"
#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CLIENTS = 256 };

/* Percent. */
static uint32_t impatient;

struct worker {
    struct order_load load;
    pthread_t thread;
    pthread_barrier_t *start;
    uint64_t calls;
    bool ok;
};

struct before {
    uint64_t next_ticket;
    uint64_t revision;
};

static void *worker_run(void *argument)
{
    struct worker *self = argument;
    self->ok = true;
    pthread_barrier_wait(self->start);
    for (uint64_t i = 0; i < self->calls && self->ok; i++) {
        self->ok = order_load_step(&self->load);
    }
    return NULL;
}

static struct stated_client *client_open(const char *endpoint)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    options.endpoint = endpoint;
    options.connect_timeout_ms = 30000;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "cannot open %s: %s\n", endpoint, status.message);
        exit(EXIT_FAILURE);
    }
    return client;
}

static struct before ask_before(const char *endpoint)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *response;
    struct stated_status status;
    struct before before;
    struct stated_client *client = client_open(endpoint);
    if (stated_v1_admin_service_status(client, NULL, &request, &response, &status) != STATED_OK) {
        fprintf(stderr, "no status: %s\n", status.message);
        exit(EXIT_FAILURE);
    }
    before.next_ticket = response->queue->next_ticket;
    before.revision = response->store->revision;
    stated__v1__status_response__free_unpacked(response, NULL);
    stated_client_close(client);
    return before;
}

/* Runs the load; how many calls were recorded, 0 when something of it failed. */
static uint64_t run_load(const char *endpoint, uint32_t n, uint64_t calls, uint64_t seed, FILE *log)
{
    static struct worker workers[MAX_CLIENTS];
    pthread_barrier_t start;
    uint64_t recorded = 0;
    uint64_t given_up = 0;
    bool ok = true;
    pthread_barrier_init(&start, NULL, n);
    for (uint32_t i = 0; i < n; i++) {
        struct worker *worker = &workers[i];
        worker->load = (struct order_load){.client = client_open(endpoint),
                                           .log = log,
                                           .random = seed * MAX_CLIENTS + i + 1,
                                           .number = i,
                                           .impatient = impatient,
                                           .open = client_open,
                                           .endpoint = endpoint};
        worker->start = &start;
        worker->calls = calls;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) != 0) {
            fprintf(stderr, "cannot start thread %" PRIu32 "\n", i);
            exit(EXIT_FAILURE);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        struct order_load *load = &workers[i].load;
        pthread_join(workers[i].thread, NULL);
        stated_client_close(load->client);
        recorded += load->calls;
        given_up += load->impatient_failures;
        ok = ok && workers[i].ok;
        if (load->failures > 0) {
            fprintf(stderr, "client %" PRIu32 ": %" PRIu64 " calls failed, the first with %s: %s\n",
                    i, load->failures, stated_code_name(load->first_failure.code),
                    load->first_failure.message);
            ok = false;
        }
    }
    pthread_barrier_destroy(&start);
    if (impatient > 0) {
        printf("%" PRIu64 " calls were late, refused or left\n", given_up);
        ok = ok && given_up > 0;
    }
    return ok ? recorded : 0;
}

/* A way to spoil a log. */
struct lie {
    const char *name;
    void (*tell)(struct call_log *log);
};

/* The record whose ticket has about this share of all tickets below it, in eighths. */
static struct call_record *record_at(struct call_log *log, size_t eighths)
{
    size_t place = log->n_records * eighths / 8;
    while (log->records[place].ticket == 0) {
        place++;
    }
    return &log->records[place];
}

static void tell_swapped(struct call_log *log)
{
    struct call_record *early = record_at(log, 1);
    struct call_record *late = record_at(log, 6);
    uint64_t ticket = early->ticket;
    early->ticket = late->ticket;
    late->ticket = ticket;
}

static void tell_duplicate(struct call_log *log)
{
    record_at(log, 3)->ticket = record_at(log, 4)->ticket;
}

static void tell_gap(struct call_log *log)
{
    struct call_record *gone = record_at(log, 4);
    struct call_record kept = log->records[log->n_records - 1];
    log->records[log->n_records - 1] = *gone;
    *gone = kept;
    struct call_record *last = &log->records[--log->n_records];
    protobuf_c_message_free_unpacked(last->response, NULL);
    protobuf_c_message_free_unpacked(last->request, NULL);
}

/* A read that shows one key's value as it may have been some time ago. */
static void tell_stale(struct call_log *log)
{
    for (size_t i = log->n_records / 2; i < log->n_records; i++) {
        struct call_record *record = &log->records[i];
        Stated__V1__ReadResponse *response = (void *)record->response;
        if (call_record_is_read(record) && record->ticket != 0 && response->n_entries > 0 &&
            response->entries[0]->version > 1) {
            response->entries[0]->version--;
            response->entries[0]->mod_revision--;
            return;
        }
    }
}

/* A write that says it was not applied although it changed what others read. */
static void tell_unapplied(struct call_log *log)
{
    for (size_t i = log->n_records / 2; i < log->n_records; i++) {
        Stated__V1__WriteResponse *response = (void *)log->records[i].response;
        if (!call_record_is_read(&log->records[i]) && response != NULL && response->applied) {
            response->applied = 0;
            return;
        }
    }
}

/* Replays the log, after the lie if there is one. */
static enum stated_code replay(const char *path, const struct before *before, const struct lie *lie,
                               struct oracle_report *report, struct stated_status *status)
{
    struct call_log log;
    struct history history;
    call_log_init(&log);
    *report = (struct oracle_report){0};
    FILE *file = fopen(path, "r");
    enum stated_code code =
        file == NULL ? stated_status_set(status, STATED_UNAVAILABLE, "cannot open %s", path)
                     : call_log_read(&log, file, status);
    if (code == STATED_OK) {
        if (lie != NULL) {
            lie->tell(&log);
        }
        code = history_init(&history, &log, true, status);
    }
    if (code == STATED_OK) {
        history.oracle.first_ticket = before->next_ticket;
        history.oracle.revision = before->revision;
        code = oracle_check(&history.oracle, report);
        stated_status_set(status, code, "%s", report->message);
        history_deinit(&history);
    }
    call_log_deinit(&log);
    if (file != NULL) {
        fclose(file);
    }
    return code;
}

/* What the tickets do not say: whether the times of calls and replies allow such an order, reads
   without a ticket included. */
static bool is_linearizable(const char *path, const struct lie *lie, struct linear_report *report,
                            struct stated_status *status)
{
    struct call_log log;
    struct history history;
    call_log_init(&log);
    FILE *file = fopen(path, "r");
    enum stated_code code =
        file == NULL ? stated_status_set(status, STATED_UNAVAILABLE, "cannot open %s", path)
                     : call_log_read(&log, file, status);
    if (code == STATED_OK) {
        if (lie != NULL) {
            lie->tell(&log);
        }
        code = history_init_by_time(&history, &log, true, status);
    }
    if (code == STATED_OK) {
        code = linear_check(&history.oracle, report);
        stated_status_set(status, code, "%s", report->message);
        history_deinit(&history);
    }
    call_log_deinit(&log);
    if (file != NULL) {
        fclose(file);
    }
    return code == STATED_OK;
}

/* The first entry of the record's reply whose value is no number, so that it comes only once. */
static Stated__V1__Entry *unique_entry(const struct call_record *record)
{
    Stated__V1__ReadResponse *response = (void *)record->response;
    for (size_t i = 0; call_record_is_read(record) && i < response->n_entries; i++) {
        Stated__V1__Entry *entry = response->entries[i];
        if (entry->value.len > 5 && memcmp(entry->value.data, "value", 5) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* An early read and a late one that show each other's value: one nobody had written yet, the other
   has long been replaced. */
static void tell_exchanged(struct call_log *log)
{
    Stated__V1__Entry *early = NULL;
    Stated__V1__Entry *late = NULL;
    for (size_t i = 0; i < log->n_records && early == NULL; i++) {
        early = unique_entry(&log->records[i]);
    }
    for (size_t i = log->n_records; i > 0 && late == NULL; i--) {
        late = unique_entry(&log->records[i - 1]);
    }
    ProtobufCBinaryData value = early->value;
    early->value = late->value;
    late->value = value;
}

static bool times_allow_it(const char *path)
{
    static const struct lie lies[] = {
        {"an applied write denied", tell_unapplied},
        {"values exchanged", tell_exchanged},
    };
    struct linear_report report;
    struct stated_status status;
    if (!is_linearizable(path, NULL, &report, &status)) {
        fprintf(stderr, "not linearizable: %s\n", status.message);
        return false;
    }
    printf("linearizable by times alone: %zu times a call saw or changed a key, at most %zu ways "
           "that it may have been\n",
           report.checked, report.configurations);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        if (is_linearizable(path, &lies[i], &report, &status)) {
            fprintf(stderr, "the control was not caught by times: %s\n", lies[i].name);
            return false;
        }
    }
    return true;
}

static bool lies_are_caught(const char *path, const struct before *before)
{
    static const struct lie lies[] = {
        {"swapped tickets", tell_swapped},
        {"a ticket twice", tell_duplicate},
        {"an applied write denied", tell_unapplied},
        {"a ticket missing", tell_gap}, /* calls without a reply could explain this one */
        {"a stale read", tell_stale},   /* and the next */
    };
    size_t n = sizeof lies / sizeof lies[0] - (impatient > 0 ? 2 : 0);
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        struct oracle_report report;
        struct stated_status status;
        if (replay(path, before, &lies[i], &report, &status) != STATED_DATA_LOSS) {
            fprintf(stderr, "the control was not caught: %s\n", lies[i].name);
            all = false;
        }
    }
    return all;
}

static bool check(const char *path, const struct before *before, uint64_t next_ticket)
{
    struct oracle_report report;
    struct stated_status status;
    if (replay(path, before, NULL, &report, &status) != STATED_OK) {
        fprintf(stderr, "the order was broken: %s\n", status.message);
        return false;
    }
    bool complete = report.tickets == next_ticket - before->next_ticket;
    if ((!complete && impatient == 0) || report.checked == 0) {
        fprintf(stderr,
                "%zu tickets recorded, the server gave out %" PRIu64 "; %zu replies checked\n",
                report.tickets, next_ticket - before->next_ticket, report.checked);
        return false;
    }
    printf("%zu tickets in order %s, %zu values seen as they had to be, %zu that could not be "
           "known\n",
           report.tickets,
           complete ? "without gap" : "with no more gaps than calls without a reply",
           report.checked, report.unchecked);
    /* By times alone each call without a reply may still happen: too many ways to look at. */
    return lies_are_caught(path, before) && (impatient > 0 || times_allow_it(path));
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 7) {
        fprintf(stderr, "usage: order_oracle ENDPOINT CLIENTS CALLS SEED LOG [IMPATIENT]\n");
        return 2;
    }
    impatient = argc == 7 ? (uint32_t)strtoul(argv[6], NULL, 10) : 0;
    const char *endpoint = argv[1];
    uint32_t n = (uint32_t)strtoul(argv[2], NULL, 10);
    uint64_t calls = strtoull(argv[3], NULL, 10);
    uint64_t seed = strtoull(argv[4], NULL, 10);
    FILE *log = n < 1 || n > MAX_CLIENTS ? NULL : fopen(argv[5], "w");
    if (log == NULL) {
        fprintf(stderr, "1 to %d clients, and a log that can be written\n", MAX_CLIENTS);
        return 2;
    }
    struct before before = ask_before(endpoint);
    uint64_t recorded = run_load(endpoint, n, calls, seed, log);
    bool ok = fclose(log) == 0 && recorded == n * calls;
    printf("%" PRIu32 " clients, %" PRIu64 " calls, seed %" PRIu64 "\n", n, recorded, seed);
    ok = ok && check(argv[5], &before, ask_before(endpoint).next_ticket);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
