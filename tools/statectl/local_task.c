#include "statectl/local_task.h"

#include "statectl/errors.h"
#include "statectl/interrupt.h"

static bool go_on(void *argument, unsigned permille)
{
    struct local_task *self = argument;
    progress_tell_share(&self->progress, self->what, permille);
    return interrupt_requested() == 0;
}

void local_task_init(struct local_task *self, const char *what)
{
    *self = (struct local_task){.task = {.go_on = go_on, .argument = self}, .what = what};
    progress_init(&self->progress, false, 0);
    interrupt_defer();
}

int local_task_conclude(struct local_task *self, enum stated_code code,
                        const struct stated_status *status)
{
    progress_wipe(&self->progress);
    if (code == STATED_OK) {
        return EXIT_DONE;
    }
    if (code == STATED_CANCELLED && interrupt_requested() != 0) {
        error_say("interrupted");
        return interrupt_requested();
    }
    return code == STATED_DATA_LOSS ? error_negative("%s", status->message)
                                    : error_usage("%s", status->message);
}
