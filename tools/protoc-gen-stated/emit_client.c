#include "emit.h"

static const char about[] =
    "Typed calls: one function per method that waits, and one that does not.\n"
    "\n"
    "Threads: any thread may call, and a client may be shared. The waiting functions block until\n"
    "the outcome is known, at most for the call's timeout, and must not be used in a callback. "
    "The\n"
    "_async functions do not block.\n"
    "Ownership: the request stays the caller's and may be freed on return. A response is its\n"
    "receiver's, to free with its type's free_unpacked(response, NULL); there is none unless the\n"
    "outcome is OK. options and status may be NULL.\n"
    "Errors: the outcome is returned and, with a message for people, in *status: the server's "
    "own,\n"
    "or INVALID_ARGUMENT (the request is too large), DEADLINE_EXCEEDED (no reply in time),\n"
    "UNAVAILABLE (no connection), CANCELLED (the client was closed).";

static void declare_call(struct text *out, const struct model_method *method)
{
    text_add(out,
             "enum stated_code %s(\n"
             "    struct stated_client *client, const struct stated_call_options *options,\n"
             "    const %s *request, %s **response,\n"
             "    struct stated_status *status)",
             method->function, method->request.name, method->response.name);
}

static void declare_async(struct text *out, const struct model_method *method)
{
    text_add(out,
             "enum stated_code %s_async(\n"
             "    struct stated_client *client, const struct stated_call_options *options,\n"
             "    const %s *request, %s_done done, void *argument,\n"
             "    struct stated_status *status)",
             method->function, method->request.name, method->function);
}

static void declare_method(struct text *out, const struct model_method *method)
{
    const char *access = model_access_name(method->access);
    emit_comment(out, "", method->comment,
                 pool_printf(out->pool, "%s, ACCESS_%s. Waits for the outcome and returns it.",
                             method->full_name, access));
    declare_call(out, method);
    text_add(out, " STATED_MUST_USE;\n\n");

    emit_comment(out, "", "",
                 pool_printf(out->pool,
                             "Told the outcome of one %s_async, once, on a thread of the\n"
                             "library: it may issue further calls but must not block. status is "
                             "valid during the call.",
                             method->function));
    text_add(out,
             "typedef void (*%s_done)(\n"
             "    void *argument, const struct stated_status *status, %s *response);\n\n",
             method->function, method->response.name);

    emit_comment(out, "", "",
                 pool_printf(out->pool,
                             "%s, ACCESS_%s. Starts the call and returns; done (not NULL) is\n"
                             "told the outcome. Anything but OK means that the call did not start "
                             "and done will not be called.",
                             method->full_name, access));
    declare_async(out, method);
    text_add(out, " STATED_MUST_USE;\n\n");
}

void emit_client_header(struct text *out, const struct model_file *model)
{
    emit_header_start(out, model, "client", about);
    for (size_t i = 0; i < model->n_services; i++) {
        const struct model_service *service = &model->services[i];
        emit_comment(out, "", service->comment,
                     pool_printf(out->pool, "Service %s.", service->full_name));
        text_add(out, "\n");
        for (size_t j = 0; j < service->n_methods; j++) {
            declare_method(out, &service->methods[j]);
        }
        emit_comment(out, "", "",
                     pool_printf(out->pool,
                                 "All methods of %s, for programs that call by name with\n"
                                 "stated_client_call; NULL ends them. Static.",
                                 service->full_name));
        text_add(out, "extern const struct stated_client_method *const %s_calls[];\n\n",
                 service->prefix);
    }
    emit_header_end(out, model, "client");
}

static void define_call(struct text *out, const struct model_method *method)
{
    text_add(out, "\n");
    declare_call(out, method);
    text_add(out,
             "\n"
             "{\n"
             "    ProtobufCMessage *message = NULL;\n"
             "    enum stated_code code =\n"
             "        stated_client_call(client, &%s_method, options,\n"
             "                           (const ProtobufCMessage *)request, &message, status);\n"
             "    *response = (%s *)message;\n"
             "    return code;\n"
             "}\n",
             method->function, method->response.name);
}

static void define_async(struct text *out, const struct model_method *method)
{
    text_add(out,
             "\n"
             "static void %s_deliver(\n"
             "    stated_callback callback, void *argument, const struct stated_status *status,\n"
             "    ProtobufCMessage *response)\n"
             "{\n"
             "    %s_done done = (%s_done)callback;\n"
             "    done(argument, status, (%s *)response);\n"
             "}\n\n",
             method->function, method->function, method->function, method->response.name);
    declare_async(out, method);
    text_add(out,
             "\n"
             "{\n"
             "    return stated_client_call_async(client, &%s_method, options,\n"
             "                                    (const ProtobufCMessage *)request,\n"
             "                                    %s_deliver, (stated_callback)done,\n"
             "                                    argument, status);\n"
             "}\n",
             method->function, method->function);
}

static void define_method(struct text *out, const struct model_method *method)
{
    text_add(out,
             "\n"
             "static const struct stated_client_method %s_method = {\n"
             "    .name = \"%s\",\n"
             "    .access = STATED_ACCESS_%s,\n"
             "    .request = &%s__descriptor,\n"
             "    .response = &%s__descriptor,\n"
             "};\n",
             method->function, method->full_name, model_access_name(method->access),
             method->request.lower, method->response.lower);
    define_call(out, method);
    define_async(out, method);
}

static void define_calls(struct text *out, const struct model_service *service)
{
    text_add(out, "\nconst struct stated_client_method *const %s_calls[] = {\n", service->prefix);
    for (size_t i = 0; i < service->n_methods; i++) {
        text_add(out, "    &%s_method,\n", service->methods[i].function);
    }
    text_add(out, "    NULL,\n};\n");
}

void emit_client_source(struct text *out, const struct model_file *model)
{
    emit_source_start(out, model, "client");
    for (size_t i = 0; i < model->n_services; i++) {
        for (size_t j = 0; j < model->services[i].n_methods; j++) {
            define_method(out, &model->services[i].methods[j]);
        }
        define_calls(out, &model->services[i]);
    }
}
