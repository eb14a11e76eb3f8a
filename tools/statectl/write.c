#include "statectl/write.h"

#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/text.h"

#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool are_equal(ProtobufCBinaryData left, ProtobufCBinaryData right)
{
    return left.len == right.len && (left.len == 0 || memcmp(left.data, right.data, left.len) == 0);
}

const Stated__V1__Entry *write_current(const Stated__V1__WriteResponse *response,
                                       ProtobufCBinaryData key)
{
    for (size_t i = 0; i < response->n_current; i++) {
        if (are_equal(response->current[i]->key, key)) {
            return response->current[i];
        }
    }
    return NULL;
}

/* As the server decides it. */
static bool holds(const Stated__V1__Guard *guard, const Stated__V1__Entry *entry)
{
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_EXISTS:
        return guard->exists == (entry != NULL);
    case STATED__V1__GUARD__MUST_MOD_REVISION:
        return guard->mod_revision == (entry != NULL ? entry->mod_revision : 0);
    case STATED__V1__GUARD__MUST_VERSION:
        return guard->version == (entry != NULL ? entry->version : 0);
    case STATED__V1__GUARD__MUST_VALUE:
        return entry != NULL && are_equal(guard->value, entry->value);
    default:
        return true;
    }
}

/* Says how a guarded key is, instead of how it should have been. */
static void explain(const Stated__V1__Guard *guard, const Stated__V1__Entry *entry)
{
    char *key = text_of(guard->key, 0);
    if (entry == NULL) {
        error_negative("nothing written: there is no key %s", key);
    } else if (guard->must_case == STATED__V1__GUARD__MUST_VALUE) {
        error_negative("nothing written: key %s has another value, since revision %" PRIu64, key,
                       entry->mod_revision);
    } else if (guard->must_case == STATED__V1__GUARD__MUST_VERSION) {
        error_negative("nothing written: key %s is at version %" PRIu64 ", revision %" PRIu64, key,
                       entry->version, entry->mod_revision);
    } else {
        error_negative("nothing written: key %s is there, at revision %" PRIu64, key,
                       entry->mod_revision);
    }
    free(key);
}

int write_try(struct ctl *ctl, const Stated__V1__WriteRequest *request,
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
    if ((*response)->applied) {
        return EXIT_DONE;
    }
    if (request->n_guards == 0) {
        stated__v1__write_response__free_unpacked(*response, NULL);
        *response = NULL;
        (void)!stated_status_set(&status, STATED_INTERNAL,
                                 "the server says neither that it wrote nor why not; is it a "
                                 "stated server, of this version?");
        return error_call(&status);
    }
    for (size_t i = 0; i < request->n_guards; i++) {
        const Stated__V1__Entry *entry = write_current(*response, request->guards[i]->key);
        if (!holds(request->guards[i], entry)) {
            explain(request->guards[i], entry);
        }
    }
    return EXIT_NEGATIVE;
}

int write_run(struct ctl *ctl, const Stated__V1__WriteRequest *request,
              Stated__V1__WriteResponse **response)
{
    int code = write_try(ctl, request, response);
    if (code == EXIT_NEGATIVE) {
        stated__v1__write_response__free_unpacked(*response, NULL);
        *response = NULL;
    }
    return code;
}

int write_put(struct ctl *ctl, ProtobufCBinaryData key, ProtobufCBinaryData value,
              Stated__V1__Guard *guard, Stated__V1__WriteResponse **response)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;

    put.key = key;
    put.value = value;
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.mutations = &mutations;
    request.n_mutations = 1;
    request.guards = &guard;
    request.n_guards = guard != NULL ? 1 : 0;
    return write_try(ctl, &request, response);
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
