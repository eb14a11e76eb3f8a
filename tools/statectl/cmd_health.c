/* health: whether the server serves. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/message_json.h"
#include "statectl/text.h"

#include "stated/v1/admin.stated-client.h"

#include <stdlib.h>

static void print(const struct ctl *ctl, const Stated__V1__HealthResponse *health)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    json_t *object = message_json(&health->base);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        output_json(object, format);
        return;
    }
    bool serves = health->state == STATED__V1__HEALTH_RESPONSE__STATE__STATE_SERVING;
    const char *state = json_string_value(json_object_get(object, "state"));
    fputs(serves ? output_green() : output_red(), stdout);
    if (state != NULL) {
        fputs(state, stdout);
    } else {
        printf("state %d, which this statectl does not know", (int)health->state);
    }
    fputs(output_plain(), stdout);
    char *reason = text_safe(health->reason);
    printf("%s%s\n", reason[0] != '\0' ? ": " : "", reason);
    free(reason);
    json_decref(object);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    Stated__V1__HealthRequest request = STATED__V1__HEALTH_REQUEST__INIT;
    Stated__V1__HealthResponse *health;
    struct stated_status status;
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_health, argc, argv, NULL, &arguments)) {
        return EXIT_USAGE;
    }
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    if (stated_v1_admin_service_health(ctl->client, NULL, &request, &health, &status) !=
        STATED_OK) {
        return error_call(&status);
    }
    bool serves = health->state == STATED__V1__HEALTH_RESPONSE__STATE__STATE_SERVING;
    print(ctl, health);
    stated__v1__health_response__free_unpacked(health, NULL);
    return serves ? EXIT_DONE : EXIT_NEGATIVE;
}

const struct command cmd_health = {
    .name = "health",
    .arguments = "",
    .summary = "say whether the server serves",
    .help = "Prints serving, draining, poisoned, read_only or unhealthy, and why. The exit status "
            "is 0 only when it is serving, 1 for the others.\n\n"
            "Examples:\n"
            "  statectl health\n"
            "  statectl health >/dev/null || echo trouble\n",
    .least_arguments = 0,
    .most_arguments = 0,
    .run = run,
};
