#include "model.h"

#include "claims.h"
#include "names.h"
#include "options.h"
#include "source_info.h"
#include "stated/v1/options.pb-c.h"
#include "types.h"

#include <inttypes.h>
#include <string.h>

/* What is being read, for all the functions below. */
struct reader {
    struct pool *pool;
    const Google__Protobuf__Compiler__CodeGeneratorRequest *request;
    const Google__Protobuf__FileDescriptorProto *file;
    struct model_file *model;
    struct text *errors;
};

const char *model_access_name(enum stated_access access)
{
    switch (access) {
    case STATED_ACCESS_NONE:
        return "NONE";
    case STATED_ACCESS_READ:
        return "READ";
    case STATED_ACCESS_WRITE:
        return "WRITE";
    case STATED_ACCESS_PARK:
        return "PARK";
    }
    return NULL;
}

/* "a/b/x.proto:12: a.b.FooBar/DoIt: ", which the caller completes. */
static void start_error(struct reader *self, int line, const char *full_name)
{
    if (line > 0) {
        text_add(self->errors, "%s:%d: %s: ", self->file->name, line, full_name);
    } else {
        text_add(self->errors, "%s: %s: ", self->file->name, full_name);
    }
}

static void read_access(struct reader *self, const Google__Protobuf__MethodDescriptorProto *method,
                        struct model_method *out, int line)
{
    static const char remedy[] =
        "import \"stated/v1/options.proto\" and give the method one of `option (stated.v1.access) "
        "= ACCESS_NONE;` ACCESS_READ, ACCESS_WRITE, ACCESS_PARK";
    uint64_t number;
    if (!options_access(method->options, &number)) {
        start_error(self, line, out->full_name);
        text_add(self->errors, "no access mode; %s\n", remedy);
    } else if (number == STATED__V1__ACCESS__ACCESS_UNSPECIFIED) {
        start_error(self, line, out->full_name);
        text_add(self->errors, "its access mode is ACCESS_UNSPECIFIED; %s\n", remedy);
    } else if (number > STATED_ACCESS_PARK) {
        start_error(self, line, out->full_name);
        text_add(self->errors, "access mode %" PRIu64 " is not known to this generator; %s\n",
                 number, remedy);
    } else {
        out->access = (enum stated_access)number;
    }
}

static void add_include(struct reader *self, const char *file_name)
{
    char *stem = names_stem(self->pool, file_name);
    for (size_t i = 0; i < self->model->n_includes; i++) {
        if (strcmp(self->model->includes[i], stem) == 0) {
            return;
        }
    }
    self->model->includes[self->model->n_includes++] = stem;
}

static void read_type(struct reader *self, const char *type_name, struct model_type *type,
                      const char *full_name, int line)
{
    if (types_find(self->pool, self->request, type_name, type)) {
        add_include(self, type->proto_file);
        return;
    }
    start_error(self, line, full_name);
    text_add(self->errors, "its message %s is declared in no file that protoc handed over\n",
             type_name ? type_name : "(none)");
}

static void read_method(struct reader *self, size_t service_index, size_t index,
                        const struct model_service *service, struct model_method *out)
{
    const Google__Protobuf__MethodDescriptorProto *method =
        self->file->service[service_index]->method[index];
    struct source_info info = source_info_method(self->file, service_index, index);
    char *lower = names_lower(self->pool, method->name);
    out->full_name = pool_printf(self->pool, "%s/%s", service->full_name, method->name);
    out->member = names_identifier(self->pool, lower);
    out->check = pool_printf(self->pool, "admit_%s", lower);
    out->function =
        names_identifier(self->pool, pool_printf(self->pool, "%s_%s", service->prefix, lower));
    out->comment = info.comment;
    read_access(self, method, out, info.line);
    read_type(self, method->input_type, &out->request, out->full_name, info.line);
    read_type(self, method->output_type, &out->response, out->full_name, info.line);
    if (names_is_c_word(self->pool, lower)) {
        start_error(self, info.line, out->full_name);
        text_add(self->errors,
                 "`%s` is a word of C, which protobuf-c would use as a name; rename "
                 "the method\n",
                 lower);
    }
    if (method->client_streaming || method->server_streaming) {
        start_error(self, info.line, out->full_name);
        text_add(self->errors, "streams are not supported; take `stream` away and page through "
                               "the messages, or poll with a method that parks\n");
    }
}

static void read_service(struct reader *self, size_t index, struct model_service *out)
{
    const Google__Protobuf__ServiceDescriptorProto *service = self->file->service[index];
    const char *package = self->file->package ? self->file->package : "";
    const char *c_package = types_c_package(self->pool, self->file);
    struct source_info info = source_info_service(self->file, index);
    char *c_name =
        pool_printf(self->pool, "%s%s%s", c_package, *c_package ? "." : "", service->name);
    out->full_name = pool_printf(self->pool, "%s%s%s", package, *package ? "." : "", service->name);
    out->prefix = names_lower_path(self->pool, c_name, "_");
    out->comment = info.comment;
    out->n_methods = service->n_method;
    out->methods = pool_alloc(self->pool, service->n_method * sizeof(out->methods[0]));
    if (service->n_method == 0) {
        start_error(self, info.line, out->full_name);
        text_add(self->errors, "a service without methods; give it one, or remove it\n");
    }
    for (size_t i = 0; i < service->n_method; i++) {
        read_method(self, index, i, out, &out->methods[i]);
    }
}

void model_read(struct pool *pool, const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                const Google__Protobuf__FileDescriptorProto *file, struct model_file *model,
                struct text *errors)
{
    struct reader reader = {pool, request, file, model, errors};
    *model = (struct model_file){
        .name = file->name,
        .stem = names_stem(pool, file->name),
        .guard = names_guard(pool, file->name),
        .includes = pool_alloc(pool, request->n_proto_file * sizeof(model->includes[0])),
        .services = pool_alloc(pool, file->n_service * sizeof(model->services[0])),
        .n_services = file->n_service,
    };
    add_include(&reader, file->name);
    for (size_t i = 0; i < file->n_service; i++) {
        read_service(&reader, i, &model->services[i]);
    }
    claims_check(pool, model, errors);
}
