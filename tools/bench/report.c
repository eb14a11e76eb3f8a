#include "bench/report.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CELL_BYTES = 32, MODE_BYTES = 128 };

bool report_init(struct report *self, const struct bench_options *options,
                 const struct runner_result *result, const struct verdict *verdict)
{
    struct histogram *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return false;
    }
    histogram_merge(all, &result->reads);
    histogram_merge(all, &result->writes);
    *self = (struct report){.options = options,
                            .result = result,
                            .verdict = verdict,
                            .read = summary_of(&result->reads, result->elapsed_ns),
                            .write = summary_of(&result->writes, result->elapsed_ns),
                            .all = summary_of(all, result->elapsed_ns)};
    for (unsigned code = 0; code < RUNNER_CODES; code++) {
        self->errors += result->errors[code];
    }
    free(all);
    return true;
}

/* 1234567 as 1,234,567 */
static const char *number_text(uint64_t number, char text[CELL_BYTES])
{
    char digits[CELL_BYTES];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

/* Three digits and a unit. */
static const char *time_text(uint64_t ns, char text[CELL_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = (double)ns;
    unsigned unit = 0;
    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text, CELL_BYTES, "%.*f %s", decimals, value, units[unit]);
    return text;
}

static const char *mode_text(const struct bench_options *options, char text[MODE_BYTES])
{
    char rate[CELL_BYTES] = "";
    if (options->rate != 0) {
        snprintf(rate, sizeof rate, ", %u calls/s", (unsigned)options->rate);
    }
    snprintf(text, MODE_BYTES, "%s%s%s%s", rate, options->committed ? ", committed" : "",
             options->coalesce ? "" : ", a frame each",
             options->number_writes ? "" : ", unnumbered");
    return text;
}

static void print_head(const struct report *self, FILE *file)
{
    static const char *const names[SUMMARY_QUANTILES] = {"p50", "p90", "p99", "p99.9", "max"};
    const struct bench_options *options = self->options;
    char keys[CELL_BYTES];
    char time[CELL_BYTES];
    char mode[MODE_BYTES];
    fprintf(file,
            "%s, %u x %u calls in flight%s, %u%% reads,\n"
            "%s keys (%s), values of %u bytes, %s\n\n",
            options->endpoint, (unsigned)options->connections, (unsigned)options->in_flight,
            mode_text(options, mode), options->read_percent, number_text(options->keys, keys),
            options->distribution == WORKLOAD_ZIPF ? "zipf" : "uniform",
            (unsigned)options->value_bytes, time_text(self->result->elapsed_ns, time));
    fprintf(file, "%-6s %11s %11s", "", "calls", "calls/s");
    for (unsigned i = 0; i < SUMMARY_QUANTILES; i++) {
        fprintf(file, " %9s", names[i]);
    }
    fputc('\n', file);
}

static void print_row(FILE *file, const char *name, const struct summary *summary)
{
    char cell[CELL_BYTES];
    if (summary->calls == 0) {
        return;
    }
    fprintf(file, "%-6s %11s", name, number_text(summary->calls, cell));
    fprintf(file, " %11s", number_text(summary->calls_per_s, cell));
    for (unsigned i = 0; i < SUMMARY_QUANTILES; i++) {
        fprintf(file, " %9s", time_text(summary->quantiles_ns[i], cell));
    }
    fputc('\n', file);
}

static void print_errors(const struct report *self, FILE *file)
{
    const struct runner_result *result = self->result;
    char cell[CELL_BYTES];
    fprintf(file, "errors %11s", number_text(self->errors, cell));
    for (unsigned code = 0; code < RUNNER_CODES; code++) {
        if (result->errors[code] != 0) {
            fprintf(file, "  %s %s", stated_code_name((enum stated_code)code),
                    number_text(result->errors[code], cell));
        }
    }
    fputc('\n', file);
    if (result->error.code != STATED_OK) {
        fprintf(file, "       the first one: %s\n", result->error.message);
    }
    if (result->gave_up) {
        fputs("       gave up, since nothing but errors came\n", file);
    }
}

static void print_verdict(const struct verdict *verdict, FILE *file)
{
    char cell[CELL_BYTES];
    if (!verdict->checked) {
        fprintf(file, "order  not checked: %s\n", verdict->message);
        return;
    }
    if (!verdict->in_order) {
        fprintf(file, "order  BROKEN: %s\n", verdict->message);
        return;
    }
    fprintf(file, "order  each of the %s replies fits the order of the tickets;\n",
            number_text(verdict->calls, cell));
    fprintf(file, "       tickets %" PRIu64 " to %" PRIu64 ", none twice", verdict->first_ticket,
            verdict->last_ticket);
    if (verdict->gap_free) {
        fputs(", none missing", file);
    } else if (verdict->others > 0) {
        fprintf(file, ", %s not among them are other clients'", number_text(verdict->others, cell));
    }
    fputc('\n', file);
}

void report_table(const struct report *self, FILE *file)
{
    print_head(self, file);
    print_row(file, "read", &self->read);
    print_row(file, "write", &self->write);
    print_row(file, "all", &self->all);
    print_errors(self, file);
    print_verdict(self->verdict, file);
    if (self->result->full) {
        fprintf(file, "note   ended early, at the %d calls that are kept for the order check;\n",
                BENCH_MAX_CHECKED_CALLS);
        fputs("       --no-check keeps none\n", file);
    }
    if (self->result->late > 0) {
        char cell[CELL_BYTES];
        fprintf(file, "note   %s calls were sent 1 ms or more after they were due\n",
                number_text(self->result->late, cell));
    }
    if (self->result->interrupted) {
        fputs("note   interrupted\n", file);
    }
}
