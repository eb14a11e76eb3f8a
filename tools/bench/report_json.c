#include "bench/report.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

static void set_number(json_t *object, const char *name, uint64_t number)
{
    json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void set_summary(json_t *object, const char *prefix, const struct summary *summary)
{
    static const char *const names[SUMMARY_QUANTILES] = {"p50", "p90", "p99", "p999", "max"};
    char name[32];
    snprintf(name, sizeof name, "%scalls", prefix);
    set_number(object, name, summary->calls);
    snprintf(name, sizeof name, "%scalls_per_s", prefix);
    set_number(object, name, summary->calls_per_s);
    for (unsigned i = 0; i < SUMMARY_QUANTILES; i++) {
        snprintf(name, sizeof name, "%s%s_us", prefix, names[i]);
        json_object_set_new(object, name, json_real((double)summary->quantiles_ns[i] / 1e3));
    }
}

/* The distribution as [percent, microseconds] pairs, for a plot; empty without calls. */
static void set_distribution(json_t *object, const char *name, const struct histogram *histogram)
{
    static const double percents[] = {0,  10, 20, 30,   40,   50,   60,    70,    80, 90,
                                      95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 100};
    json_t *list = json_array();
    for (size_t i = 0; histogram_count(histogram) > 0 && i < sizeof percents / sizeof percents[0];
         i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, json_real(percents[i]));
        json_array_append_new(
            pair, json_real((double)histogram_quantile(histogram, percents[i] / 100) / 1e3));
        json_array_append_new(list, pair);
    }
    json_object_set_new(object, name, list);
}

static void set_options(json_t *object, const struct bench_options *options)
{
    set_number(object, "rate", options->rate);
    json_object_set_new(object, "coalesce", json_boolean(options->coalesce));
    json_object_set_new(object, "number_writes", json_boolean(options->number_writes));
    json_object_set_new(object, "consistency",
                        json_string(options->committed ? "committed" : "ordered"));
    json_object_set_new(object, "endpoint", json_string(options->endpoint));
    set_number(object, "connections", options->connections);
    set_number(object, "in_flight", options->in_flight);
    set_number(object, "read_percent", options->read_percent);
    set_number(object, "keys", options->keys);
    set_number(object, "value_bytes", options->value_bytes);
    set_number(object, "seed", options->seed);
    json_object_set_new(object, "distribution",
                        json_string(options->distribution == WORKLOAD_ZIPF ? "zipf" : "uniform"));
}

static void set_errors(json_t *object, const struct report *self)
{
    json_t *by_code = json_object();
    for (unsigned code = 0; code < RUNNER_CODES; code++) {
        if (self->result->errors[code] != 0) {
            set_number(by_code, stated_code_name((enum stated_code)code),
                       self->result->errors[code]);
        }
    }
    set_number(object, "errors", self->errors);
    json_object_set_new(object, "errors_by_code", by_code);
    json_object_set_new(object, "first_error", json_string(self->result->error.message));
}

static void set_verdict(json_t *object, const struct verdict *verdict)
{
    json_object_set_new(object, "order_checked", json_boolean(verdict->checked));
    json_object_set_new(object, "order_ok", json_boolean(verdict->in_order));
    set_number(object, "order_calls", verdict->calls);
    set_number(object, "first_ticket", verdict->first_ticket);
    set_number(object, "last_ticket", verdict->last_ticket);
    set_number(object, "tickets_of_others", verdict->others);
    json_object_set_new(object, "gap_free", json_boolean(verdict->gap_free));
    json_object_set_new(object, "order_message", json_string(verdict->message));
}

bool report_json(const struct report *self, FILE *file)
{
    json_t *object = json_object();
    set_options(object, self->options);
    json_object_set_new(object, "seconds", json_real((double)self->result->elapsed_ns / 1e9));
    set_summary(object, "", &self->all);
    set_summary(object, "read_", &self->read);
    set_summary(object, "write_", &self->write);
    set_distribution(object, "read_distribution", &self->result->reads);
    set_distribution(object, "write_distribution", &self->result->writes);
    set_number(object, "late", self->result->late);
    set_errors(object, self);
    set_verdict(object, self->verdict);
    json_object_set_new(object, "gave_up", json_boolean(self->result->gave_up));
    json_object_set_new(object, "interrupted", json_boolean(self->result->interrupted));
    json_object_set_new(object, "ended_early", json_boolean(self->result->full));
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (text == NULL) {
        return false;
    }
    fprintf(file, "%s\n", text);
    free(text);
    return true;
}
