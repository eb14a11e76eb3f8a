#include "statectl/value.h"

#include "statectl/errors.h"
#include "statectl/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool value_is_one(const char *command, const char *argument, const char *file)
{
    if (argument != NULL && file != NULL) {
        error_say("%s: the value is either '%s' or the content of %s, not both", command, argument,
                  file);
        return false;
    }
    if (argument == NULL && file == NULL) {
        error_say("%s needs a value; usage: statectl %s KEY VALUE, or %s KEY -f FILE, or %s KEY - "
                  "for standard input",
                  command, command, command, command);
        return false;
    }
    return true;
}

/* A message has to have room for it. */
static int take_file(struct value *self, struct ctl *ctl, const char *path)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    uint64_t limit = ctl_message_limit(ctl->client);
    switch (file_read(path, limit, &self->bytes)) {
    case STATED_OK:
        self->owned = self->bytes.data;
        return EXIT_DONE;
    case STATED_RESOURCE_EXHAUSTED:
        error_say("%s has more than %" PRIu64 " bytes, which is the server's limit for a message; "
                  "its --max-message can be raised",
                  name, limit);
        return EXIT_CALL + STATED_INVALID_ARGUMENT;
    default:
        return error_file("read", name);
    }
}

int value_take(struct value *self, struct ctl *ctl, char *argument, const char *file)
{
    *self = (struct value){.owned = NULL};
    if (argument == NULL || strcmp(argument, "-") == 0) {
        return take_file(self, ctl, argument != NULL ? argument : file);
    }
    self->bytes = (ProtobufCBinaryData){.data = (uint8_t *)argument, .len = strlen(argument)};
    return EXIT_DONE;
}

void value_free(struct value *self)
{
    free(self->owned);
    *self = (struct value){.owned = NULL};
}
