/* ping: how long a call to the server takes that does nothing. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/interrupt.h"
#include "statectl/json.h"
#include "statectl/memory.h"

#include "base/clock.h"
#include "stated/v1/admin.stated-client.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAX_COUNT = 1000000 };

struct ping {
    uint64_t count;
    uint64_t *times_ns; /* of those that were answered */
    uint64_t n;
    enum output_format format;
};

static const struct argp_option options[] = {
    {"count", 'n', "COUNT", 0, "How many times, one after the other (1)", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct ping *self = state->input;
    if (key != 'n') {
        return ARGP_ERR_UNKNOWN;
    }
    return cli_number("--count", text, 1, MAX_COUNT, &self->count) ? 0 : CLI_REFUSED;
}

static enum stated_code ping_once(struct ctl *ctl, uint64_t *time_ns, struct stated_status *status)
{
    Stated__V1__HealthRequest request = STATED__V1__HEALTH_REQUEST__INIT;
    Stated__V1__HealthResponse *response = NULL;
    uint64_t began_ns = clock_now_ns();
    enum stated_code code =
        stated_v1_admin_service_health(ctl->client, NULL, &request, &response, status);
    *time_ns = clock_now_ns() - began_ns;
    if (code == STATED_OK) {
        stated__v1__health_response__free_unpacked(response, NULL);
    }
    return code;
}

static void print_one(const struct ping *self, const struct ctl *ctl, uint64_t time_ns)
{
    double ms = (double)time_ns / 1e6;
    if (self->format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "sequence", json_new_number(self->n));
        json_set(object, "ms", json_real(ms));
        output_json(object, OUTPUT_JSONL);
    } else if (self->format == OUTPUT_RAW) {
        printf("%.3f\n", ms);
    } else if (self->format == OUTPUT_TABLE) {
        printf("%s answered in %.3f ms\n", ctl->endpoint, ms);
    }
    fflush(stdout);
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(const struct ping *self, unsigned percent)
{
    return (double)self->times_ns[(self->n - 1) * percent / 100] / 1e6;
}

/* Sorts the times. */
static void summarise(struct ping *self)
{
    qsort(self->times_ns, self->n, sizeof *self->times_ns, compare);
    if (self->format == OUTPUT_JSON) {
        json_t *object = json_new_object();
        json_set(object, "answers", json_new_number(self->n));
        json_set(object, "least_ms", json_real(percentile_ms(self, 0)));
        json_set(object, "p50_ms", json_real(percentile_ms(self, 50)));
        json_set(object, "p99_ms", json_real(percentile_ms(self, 99)));
        json_set(object, "most_ms", json_real(percentile_ms(self, 100)));
        output_json(object, OUTPUT_JSON);
    } else if (self->format == OUTPUT_TABLE && self->n > 1) {
        printf("%" PRIu64 " answers: least %.3f ms, p50 %.3f ms, p99 %.3f ms, most %.3f ms\n",
               self->n, percentile_ms(self, 0), percentile_ms(self, 50), percentile_ms(self, 99),
               percentile_ms(self, 100));
    }
}

static int ping(struct ping *self, struct ctl *ctl)
{
    struct stated_status status;
    int code = EXIT_DONE;
    while (self->n < self->count && code == EXIT_DONE) {
        uint64_t time_ns;
        if (ping_once(ctl, &time_ns, &status) != STATED_OK) {
            code = error_call(&status);
        } else {
            self->times_ns[self->n++] = time_ns;
            print_one(self, ctl, time_ns);
            code = interrupt_requested();
        }
    }
    if (self->n > 0) {
        summarise(self);
    }
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct ping self = {.count = 1};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_ping, argc, argv, &self, &arguments)) {
        return EXIT_USAGE;
    }
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    interrupt_defer();
    self.format = output_choose(ctl->format, OUTPUT_TABLE);
    self.times_ns = memory_new(self.count, sizeof *self.times_ns);
    code = ping(&self, ctl);
    free(self.times_ns);
    return code;
}

const struct command cmd_ping = {
    .name = "ping",
    .arguments = "",
    .summary = "measure the round trip to the server",
    .help = "Each is a call that touches no state and does not wait in line.\n\n"
            "Examples:\n"
            "  statectl ping\n"
            "  statectl ping -n 1000 -o json\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 0,
    .run = run,
};
