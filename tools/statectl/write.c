#include "statectl/write.h"

#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/text.h"

#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const Stated__V1__Entry *find(const Stated__V1__WriteResponse *response,
                                     ProtobufCBinaryData key)
{
    for (size_t i = 0; i < response->n_current; i++) {
        ProtobufCBinaryData found = response->current[i]->key;
        if (found.len == key.len && memcmp(found.data, key.data, key.len) == 0) {
            return response->current[i];
        }
    }
    return NULL;
}

/* Says how the guarded keys are, instead of how they should have been. */
static void explain(const Stated__V1__WriteRequest *request,
                    const Stated__V1__WriteResponse *response)
{
    for (size_t i = 0; i < request->n_guards; i++) {
        const Stated__V1__Entry *entry = find(response, request->guards[i]->key);
        char *key = text_of(request->guards[i]->key, 0);
        if (entry == NULL) {
            error_say("nothing written: there is no key %s", key);
        } else {
            error_say("nothing written: key %s is there, at revision %" PRIu64, key,
                      entry->mod_revision);
        }
        free(key);
    }
}

int write_run(struct ctl *ctl, const Stated__V1__WriteRequest *request,
              Stated__V1__WriteResponse **response)
{
    struct stated_status status;
    *response = NULL;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    if (stated_v1_state_service_write(ctl->client, NULL, request, response, &status) != STATED_OK) {
        return error_call(&status);
    }
    if (!(*response)->applied) {
        explain(request, *response);
        stated__v1__write_response__free_unpacked(*response, NULL);
        *response = NULL;
        return EXIT_NEGATIVE;
    }
    return EXIT_DONE;
}

void write_print(const struct ctl *ctl, const Stated__V1__WriteResponse *response, int64_t deleted)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        if (deleted >= 0) {
            json_set(object, "deleted", json_new_number((uint64_t)deleted));
        }
        json_set(object, "revision", json_new_number(response->revision));
        output_json(object, format);
    } else if (format == OUTPUT_RAW) {
        printf("%" PRIu64 "\n", deleted >= 0 ? (uint64_t)deleted : response->revision);
    } else if (deleted >= 0) {
        printf("deleted %" PRId64 "\n", deleted);
    } else {
        printf("revision %" PRIu64 "\n", response->revision);
    }
}
