/* Does generated code hand everything to the right place, with the right types? The libraries are
   played by this file. */
#include "test.h"

#include "bare.stated-client.h"
#include "bare.stated-server.h"
#include "farm/common/animal_types.stated-client.h"
#include "farm/common/animal_types.stated-server.h"
#include "farm/v1/barn.stated-client.h"
#include "farm/v1/barn.stated-server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the generated code asked of the libraries. */
static struct {
    struct stated_client *client;
    const struct stated_client_method *method;
    const struct stated_call_options *options;
    const ProtobufCMessage *request;
    struct stated_status *status;
    stated_call_done done;
    stated_callback callback;
    void *argument;
    char failure[256];
} seen;

/* What the libraries answer. */
static enum stated_code answer_code;
static ProtobufCMessage *answer;

enum stated_code stated_client_call(struct stated_client *client,
                                    const struct stated_client_method *method,
                                    const struct stated_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **response,
                                    struct stated_status *status)
{
    seen.client = client;
    seen.method = method;
    seen.options = options;
    seen.request = request;
    seen.status = status;
    *response = answer;
    return answer_code;
}

enum stated_code stated_client_call_async(struct stated_client *client,
                                          const struct stated_client_method *method,
                                          const struct stated_call_options *options,
                                          const ProtobufCMessage *request, stated_call_done done,
                                          stated_callback callback, void *argument,
                                          struct stated_status *status)
{
    ProtobufCMessage *none;
    seen.done = done;
    seen.callback = callback;
    seen.argument = argument;
    return stated_client_call(client, method, options, request, &none, status);
}

enum stated_code stated_call_fail(struct stated_call *call, enum stated_code code,
                                  const char *format, ...)
{
    (void)call;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen.failure, sizeof(seen.failure), format, arguments);
    va_end(arguments);
    return code;
}

/* Opaque handles: only their addresses count. */
static char client_memory, call_memory;
#define CLIENT ((struct stated_client *)&client_memory)
#define CALL ((struct stated_call *)&call_memory)

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    answer_code = STATED_OK;
    answer = NULL;
    return 0;
}

struct expected_method {
    const char *name;
    enum stated_access access;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
};

static const struct expected_method barn_methods[] = {
    {"farm.v1.Barn/Count", STATED_ACCESS_READ, &farm__v1__count_request__descriptor,
     &farm__v1__count_response__descriptor},
    {"farm.v1.Barn/Delete", STATED_ACCESS_WRITE, &zoo__c__animals__animal__descriptor,
     &google__protobuf__empty__descriptor},
    {"farm.v1.Barn/Swap", STATED_ACCESS_NONE, &zoo__c__animals__animal__name__tag__descriptor,
     &farm__v1__httpreply2__descriptor},
    {"farm.v1.Barn/wait_HTTPFor_it", STATED_ACCESS_PARK, &farm__v1__barn_state__descriptor,
     &farm__v1__barn_state__descriptor},
};

static void test_method_tables(void **state)
{
    (void)state;
    assert_string_equal(farm_v1_barn_type.name, "farm.v1.Barn");
    assert_int_equal(farm_v1_barn_type.n_methods, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct stated_method *method = &farm_v1_barn_type.methods[i];
        assert_string_equal(method->name, barn_methods[i].name);
        assert_int_equal(method->access, barn_methods[i].access);
        assert_ptr_equal(method->request, barn_methods[i].request);
        assert_ptr_equal(method->response, barn_methods[i].response);
    }
    assert_string_equal(farm_v1_httpdoor_2_type.name, "farm.v1.HTTPDoor_2");
    assert_int_equal(farm_v1_httpdoor_2_type.n_methods, 1);
    assert_string_equal(farm_v1_httpdoor_2_type.methods[0].name, "farm.v1.HTTPDoor_2/Count");
    assert_string_equal(bare_type.name, "Bare");
    assert_string_equal(bare_type.methods[0].name, "Bare/Ping");
}

static void test_lists_of_calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct stated_client_method *method = farm_v1_barn_calls[i];
        assert_string_equal(method->name, barn_methods[i].name);
        assert_int_equal(method->access, barn_methods[i].access);
        assert_ptr_equal(method->request, barn_methods[i].request);
        assert_ptr_equal(method->response, barn_methods[i].response);
    }
    assert_null(farm_v1_barn_calls[4]);
    assert_string_equal(farm_v1_httpdoor_2_calls[0]->name, "farm.v1.HTTPDoor_2/Count");
    assert_null(farm_v1_httpdoor_2_calls[1]);
    assert_string_equal(bare_calls[0]->name, "Bare/Ping");
}

static void test_no_handler_is_unimplemented(void **state)
{
    (void)state;
    static const struct farm_v1_barn_handlers nothing;
    ProtobufCMessage message;
    for (size_t i = 0; i < 4; i++) {
        const struct stated_method *method = &farm_v1_barn_type.methods[i];
        assert_int_equal(method->invoke(&nothing, CALL, &message, &message), STATED_UNIMPLEMENTED);
        char expected[128];
        snprintf(expected, sizeof(expected), "%s has no handler in this server", method->name);
        assert_string_equal(seen.failure, expected);
    }
}

static void test_no_check_admits(void **state)
{
    (void)state;
    static const struct farm_v1_barn_handlers nothing;
    ProtobufCMessage message;
    struct stated_admission admission = {0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(farm_v1_barn_type.methods[i].admit(&nothing, CALL, &message, &admission),
                         STATED_OK);
    }
}

static enum stated_code count_animals(struct stated_call *call,
                                      const Farm__V1__CountRequest *request,
                                      Farm__V1__CountResponse *response)
{
    assert_ptr_equal(call, CALL);
    assert_string_equal(request->kind, "goat");
    response->count = 7;
    return STATED_OK;
}

static enum stated_code delete_animal(struct stated_call *call,
                                      const Zoo__CAnimals__Animal *request,
                                      Google__Protobuf__Empty *response)
{
    (void)call;
    (void)request;
    (void)response;
    return STATED_NOT_FOUND;
}

static enum stated_code admit_count(struct stated_call *call, const Farm__V1__CountRequest *request,
                                    struct stated_admission *admission)
{
    assert_ptr_equal(call, CALL);
    admission->light = true;
    return request->kind[0] ? STATED_OK : STATED_INVALID_ARGUMENT;
}

static const struct farm_v1_barn_handlers barn = {
    .count = count_animals, .admit_count = admit_count, .delete_ = delete_animal};

static void test_handlers_get_their_types(void **state)
{
    (void)state;
    char kind[] = "goat";
    Farm__V1__CountRequest request = FARM__V1__COUNT_REQUEST__INIT;
    Farm__V1__CountResponse response = FARM__V1__COUNT_RESPONSE__INIT;
    request.kind = kind;
    const struct stated_method *count = &farm_v1_barn_type.methods[0];
    assert_int_equal(count->invoke(&barn, CALL, &request.base, &response.base), STATED_OK);
    assert_int_equal(response.count, 7);

    Zoo__CAnimals__Animal animal = ZOO__C__ANIMALS__ANIMAL__INIT;
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    const struct stated_method *delete = &farm_v1_barn_type.methods[1];
    assert_int_equal(delete->invoke(&barn, CALL, &animal.parent, &empty.base), STATED_NOT_FOUND);
}

static void test_checks_get_their_types(void **state)
{
    (void)state;
    char kind[] = "";
    Farm__V1__CountRequest request = FARM__V1__COUNT_REQUEST__INIT;
    struct stated_admission admission = {0};
    request.kind = kind;
    assert_int_equal(farm_v1_barn_type.methods[0].admit(&barn, CALL, &request.base, &admission),
                     STATED_INVALID_ARGUMENT);
    assert_true(admission.light);
}

static void test_call_passes_everything_on(void **state)
{
    (void)state;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    struct stated_status status;
    Farm__V1__CountRequest request = FARM__V1__COUNT_REQUEST__INIT;
    static Farm__V1__CountResponse canned = FARM__V1__COUNT_RESPONSE__INIT;
    Farm__V1__CountResponse *response = NULL;
    answer = &canned.base;
    assert_int_equal(farm_v1_barn_count(CLIENT, &options, &request, &response, &status), STATED_OK);
    assert_ptr_equal(response, &canned);
    assert_ptr_equal(seen.client, CLIENT);
    assert_ptr_equal(seen.options, &options);
    assert_ptr_equal(seen.request, &request);
    assert_ptr_equal(seen.status, &status);
    assert_string_equal(seen.method->name, barn_methods[0].name);
    assert_int_equal(seen.method->access, barn_methods[0].access);
    assert_ptr_equal(seen.method->request, barn_methods[0].request);
    assert_ptr_equal(seen.method->response, barn_methods[0].response);
}

static void test_failed_call_leaves_no_response(void **state)
{
    (void)state;
    Zoo__CAnimals__Animal request = ZOO__C__ANIMALS__ANIMAL__INIT;
    Google__Protobuf__Empty stale = GOOGLE__PROTOBUF__EMPTY__INIT;
    Google__Protobuf__Empty *response = &stale;
    answer_code = STATED_UNAVAILABLE;
    assert_int_equal(farm_v1_barn_delete(CLIENT, NULL, &request, &response, NULL),
                     STATED_UNAVAILABLE);
    assert_null(response);
    assert_ptr_equal(seen.request, &request);
    assert_string_equal(seen.method->name, "farm.v1.Barn/Delete");
}

struct told {
    const struct stated_status *status;
    Farm__V1__HTTPReply2 *response;
};

static void tell(void *argument, const struct stated_status *status, Farm__V1__HTTPReply2 *response)
{
    *(struct told *)argument = (struct told){status, response};
}

static void test_callback_gets_its_types(void **state)
{
    (void)state;
    struct told told = {NULL, NULL};
    struct stated_status status = {.code = STATED_OK}, start_status;
    Zoo__CAnimals__Animal__NameTag request = ZOO__C__ANIMALS__ANIMAL__NAME__TAG__INIT;
    Farm__V1__HTTPReply2 response = FARM__V1__HTTPREPLY2__INIT;
    farm_v1_barn_swap_done done = tell;
    assert_int_equal(farm_v1_barn_swap_async(CLIENT, NULL, &request, done, &told, &start_status),
                     STATED_OK);
    assert_ptr_equal(seen.client, CLIENT);
    assert_ptr_equal(seen.request, &request);
    assert_ptr_equal(seen.status, &start_status);
    assert_ptr_equal(seen.argument, &told);
    assert_string_equal(seen.method->name, "farm.v1.Barn/Swap");
    assert_null(told.status);

    seen.done(seen.callback, seen.argument, &status, &response.base);
    assert_ptr_equal(told.status, &status);
    assert_ptr_equal(told.response, &response);
}

static void test_async_start_may_fail(void **state)
{
    (void)state;
    Farm__V1__BarnState request = FARM__V1__BARN_STATE__INIT;
    answer_code = STATED_INVALID_ARGUMENT;
    assert_int_equal(farm_v1_barn_wait__httpfor_it_async(CLIENT, NULL, &request, NULL, NULL, NULL),
                     STATED_INVALID_ARGUMENT);
}

static void test_file_without_a_package(void **state)
{
    (void)state;
    PingMessage request = PING_MESSAGE__INIT, *response;
    assert_int_equal(bare_ping(CLIENT, NULL, &request, &response, NULL), STATED_OK);
    assert_string_equal(seen.method->name, "Bare/Ping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_method_tables, setup),
        cmocka_unit_test_setup(test_lists_of_calls, setup),
        cmocka_unit_test_setup(test_no_handler_is_unimplemented, setup),
        cmocka_unit_test_setup(test_no_check_admits, setup),
        cmocka_unit_test_setup(test_handlers_get_their_types, setup),
        cmocka_unit_test_setup(test_checks_get_their_types, setup),
        cmocka_unit_test_setup(test_call_passes_everything_on, setup),
        cmocka_unit_test_setup(test_failed_call_leaves_no_response, setup),
        cmocka_unit_test_setup(test_callback_gets_its_types, setup),
        cmocka_unit_test_setup(test_async_start_may_fail, setup),
        cmocka_unit_test_setup(test_file_without_a_package, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
