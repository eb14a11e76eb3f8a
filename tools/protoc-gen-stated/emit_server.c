#include "emit.h"

static const char about[] =
    "Handlers and the table of methods: fill in a struct of handlers and give it, with the "
    "service's\n"
    "type, to stated_server_register.\n"
    "\n"
    "Threads: handlers run on the server's threads and must not wait. Those of READ methods may "
    "run\n"
    "beside each other; one of a WRITE method runs alone; both take effect in ticket order. One of "
    "a\n"
    "PARK method that has nothing to answer yet parks its call (stated_call_park).\n"
    "Admission checks may run on any thread beside everything else: they look at the request "
    "only.\n"
    "Ownership: the request is the server's, valid until the handler returns. The response is\n"
    "initialised; what its pointers are set to has to last until the reply is sent: static "
    "memory,\n"
    "or that of stated_call_alloc. The server frees none of it.\n"
    "Errors: anything but OK is sent instead of the response; return it with stated_call_fail,\n"
    "whose message names the offending value and what to do.";

static void declare_handler(struct text *out, const struct model_method *method)
{
    emit_comment(out, "    ", method->comment,
                 pool_printf(out->pool, "%s, ACCESS_%s. NULL: callers get UNIMPLEMENTED.",
                             method->full_name, model_access_name(method->access)));
    text_add(out,
             "    enum stated_code (*%s)(\n"
             "        struct stated_call *call, const %s *request,\n"
             "        %s *response);\n",
             method->member, method->request.name, method->response.name);
    emit_comment(out, "    ", "",
                 "Optional, before the call takes its ticket: refuses it, or refines *admission.");
    text_add(out,
             "    enum stated_code (*%s)(\n"
             "        struct stated_call *call, const %s *request,\n"
             "        struct stated_admission *admission);\n",
             method->check, method->request.name);
}

void emit_server_header(struct text *out, const struct model_file *model)
{
    emit_header_start(out, model, "server", about);
    for (size_t i = 0; i < model->n_services; i++) {
        const struct model_service *service = &model->services[i];
        emit_comment(out, "", service->comment,
                     pool_printf(out->pool, "Handlers of %s.", service->full_name));
        text_add(out, "struct %s_handlers {\n", service->prefix);
        for (size_t j = 0; j < service->n_methods; j++) {
            declare_handler(out, &service->methods[j]);
        }
        text_add(out, "};\n\n/* %s, for stated_server_register; static. */\n", service->full_name);
        text_add(out, "extern const struct stated_service_type %s_type;\n\n", service->prefix);
    }
    emit_header_end(out, model, "server");
}

static void define_invoke(struct text *out, const struct model_service *service,
                          const struct model_method *method)
{
    text_add(
        out,
        "\n"
        "static enum stated_code %s_invoke(\n"
        "    const void *handlers, struct stated_call *call, const ProtobufCMessage *request,\n"
        "    ProtobufCMessage *response)\n"
        "{\n"
        "    const struct %s_handlers *typed = handlers;\n"
        "    if (!typed->%s) {\n"
        "        return stated_call_fail(call, STATED_UNIMPLEMENTED, \"%%s\",\n"
        "                                \"%s has no handler in this server\");\n"
        "    }\n"
        "    return typed->%s(call, (const %s *)request,\n"
        "                     (%s *)response);\n"
        "}\n",
        method->function, service->prefix, method->member, method->full_name, method->member,
        method->request.name, method->response.name);
}

static void define_admit(struct text *out, const struct model_service *service,
                         const struct model_method *method)
{
    text_add(
        out,
        "\n"
        "static enum stated_code %s_admit(\n"
        "    const void *handlers, struct stated_call *call, const ProtobufCMessage *request,\n"
        "    struct stated_admission *admission)\n"
        "{\n"
        "    const struct %s_handlers *typed = handlers;\n"
        "    if (!typed->%s) {\n"
        "        return STATED_OK;\n"
        "    }\n"
        "    return typed->%s(call, (const %s *)request, admission);\n"
        "}\n",
        method->function, service->prefix, method->check, method->check, method->request.name);
}

static void define_tables(struct text *out, const struct model_service *service)
{
    text_add(out, "\nstatic const struct stated_method %s_methods[] = {\n", service->prefix);
    for (size_t i = 0; i < service->n_methods; i++) {
        const struct model_method *method = &service->methods[i];
        text_add(out,
                 "    {\n"
                 "        .name = \"%s\",\n"
                 "        .access = STATED_ACCESS_%s,\n"
                 "        .request = &%s__descriptor,\n"
                 "        .response = &%s__descriptor,\n"
                 "        .invoke = %s_invoke,\n"
                 "        .admit = %s_admit,\n"
                 "    },\n",
                 method->full_name, model_access_name(method->access), method->request.lower,
                 method->response.lower, method->function, method->function);
    }
    text_add(out,
             "};\n\n"
             "const struct stated_service_type %s_type = {\n"
             "    .name = \"%s\",\n"
             "    .methods = %s_methods,\n"
             "    .n_methods = %zu,\n"
             "};\n",
             service->prefix, service->full_name, service->prefix, service->n_methods);
}

void emit_server_source(struct text *out, const struct model_file *model)
{
    emit_source_start(out, model, "server");
    for (size_t i = 0; i < model->n_services; i++) {
        const struct model_service *service = &model->services[i];
        for (size_t j = 0; j < service->n_methods; j++) {
            define_invoke(out, service, &service->methods[j]);
            define_admit(out, service, &service->methods[j]);
        }
        define_tables(out, service);
    }
}
