/* The keys as they are after the run take part in the replay as one more reading call, behind all
   others: so a lost write at the very end is found, and one whose reply was lost is understood. */
#include "bench/verify.h"

#include "base/clock.h"
#include "stated/v1/admin.stated-client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t verify_next_ticket(struct stated_client *client)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *response;
    if (stated_v1_admin_service_status(client, NULL, &request, &response, NULL) != STATED_OK) {
        return 0;
    }
    uint64_t ticket = response->queue == NULL ? 0 : response->queue->next_ticket;
    stated__v1__status_response__free_unpacked(response, NULL);
    return ticket;
}

/* What the server holds in each key, as the steps of a read; NULL when memory is out. */
static struct oracle_step *steps_of(const struct keyspace *keyspace)
{
    struct oracle_step *steps = calloc(keyspace->keys, sizeof *steps);
    for (uint32_t key = 0; steps != NULL && key < keyspace->keys; key++) {
        const struct oracle_cell *cell = &keyspace->cells[key];
        steps[key] = (struct oracle_step){.action = ORACLE_EXPECT,
                                          .key = key,
                                          .value = cell->value,
                                          .mod_revision = cell->mod_revision,
                                          .version = cell->version};
    }
    return steps;
}

/* First and last ticket, and how many of them and of lost calls there are. */
static uint64_t count_tickets(const struct runner_result *result, struct verdict *verdict,
                              uint64_t *lost)
{
    uint64_t n = 0;
    for (size_t i = 0; i < result->n_calls; i++) {
        uint64_t ticket = result->calls[i].ticket;
        *lost += result->calls[i].lost;
        if (ticket == 0) {
            continue;
        }
        if (n == 0 || ticket < verdict->first_ticket) {
            verdict->first_ticket = ticket;
        }
        if (ticket > verdict->last_ticket) {
            verdict->last_ticket = ticket;
        }
        n++;
    }
    return n;
}

/* Says in the finding which key it is about. */
static void describe(struct verdict *verdict, const struct keyspace *keyspace,
                     const struct oracle_report *report)
{
    char name[KEYSPACE_NAME_BYTES];
    if (report->fault != ORACLE_FAULT_REPLY) {
        strcpy(verdict->message, report->message);
        return;
    }
    int length = (int)keyspace_name(keyspace, report->key, name);
    const char *where =
        report->ticket > verdict->last_ticket ? "; it is what the keys hold now" : "";
    snprintf(verdict->message, sizeof verdict->message, "key %.*s: %s%s", length, name,
             report->message, where);
}

static enum stated_code replay(struct keyspace *keyspace, const struct runner_result *result,
                               uint64_t before, struct verdict *verdict,
                               struct stated_status *status)
{
    struct oracle_report report;
    struct oracle_history history = {.calls = result->calls,
                                     .n_calls = result->n_calls + 1,
                                     .cells = keyspace->cells,
                                     .n_keys = keyspace->keys,
                                     .revision = keyspace->revision,
                                     .first_ticket = before,
                                     .alone = verdict->gap_free};
    enum stated_code code = oracle_check(&history, &report);
    if (code != STATED_OK && code != STATED_DATA_LOSS) {
        return stated_status_set(status, code, "%s", report.message);
    }
    verdict->checked = true;
    verdict->in_order = code == STATED_OK;
    if (!verdict->in_order) {
        verdict->gap_free = verdict->gap_free && report.fault != ORACLE_FAULT_GAP;
        describe(verdict, keyspace, &report);
    }
    return STATED_OK;
}

/* Whether all tickets given out in the meantime are the run's own. */
static void judge_tickets(const struct bench_options *options, struct verify_tickets tickets,
                          uint64_t n, uint64_t lost, struct verdict *verdict)
{
    uint64_t given = tickets.after - tickets.before;
    bool told = tickets.before != 0 && tickets.after >= tickets.before;
    verdict->others = told && given > n + lost ? given - n - lost : 0;
    verdict->gap_free = told ? verdict->others == 0 : options->alone;
}

/* Appends what the keys hold now and replays. */
static enum stated_code replay_to_the_end(struct keyspace *keyspace, struct stated_client *client,
                                          const struct runner_result *result,
                                          struct verify_tickets tickets, struct verdict *verdict,
                                          struct stated_status *status)
{
    struct keyspace now;
    struct oracle_step *steps = NULL;
    uint64_t behind = verdict->last_ticket + 1;
    enum stated_code code = keyspace_init(&now, keyspace->prefix, keyspace->keys, status);
    if (code != STATED_OK) {
        return code;
    }
    now.journal = keyspace->journal;
    uint64_t sent_ns = clock_now_ns();
    code = keyspace_load(&now, client, status);
    if (code != STATED_OK) {
        goto deinit_now;
    }
    steps = steps_of(&now);
    if (steps == NULL) {
        code = stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for %u keys",
                                 (unsigned)keyspace->keys);
        goto deinit_now;
    }
    result->calls[result->n_calls] =
        (struct oracle_call){.ticket = tickets.after > behind ? tickets.after : behind,
                             .sent_ns = sent_ns,
                             .received_ns = clock_now_ns(),
                             .revision = now.revision,
                             .steps = steps,
                             .n_steps = keyspace->keys};
    code = replay(keyspace, result, tickets.before, verdict, status);
    free(steps);
deinit_now:
    keyspace_deinit(&now);
    return code;
}

enum stated_code verify_run(const struct bench_options *options, struct keyspace *keyspace,
                            struct stated_client *client, const struct runner_result *result,
                            struct verify_tickets tickets, struct verdict *verdict,
                            struct stated_status *status)
{
    uint64_t lost = 0;
    *verdict = (struct verdict){0};
    if (result->calls == NULL) {
        strcpy(verdict->message, "not asked for");
        return STATED_OK;
    }
    if (result->restarted) {
        strcpy(verdict->message, "the server restarted meanwhile, and tickets compare only between "
                                 "two starts");
        return STATED_OK;
    }
    verdict->calls = count_tickets(result, verdict, &lost);
    judge_tickets(options, tickets, verdict->calls, lost, verdict);
    enum stated_code code = replay_to_the_end(keyspace, client, result, tickets, verdict, status);
    if (code == STATED_OK && verdict->in_order && options->alone && verdict->others > 0) {
        verdict->in_order = false;
        snprintf(verdict->message, sizeof verdict->message,
                 "%" PRIu64 " tickets from %" PRIu64 " to %" PRIu64
                 " went to other clients, or to nobody",
                 verdict->others, tickets.before, tickets.after - 1);
    }
    verdict->gap_free = verdict->gap_free && lost == 0;
    return code;
}
