/* A protoc plugin: reads a CodeGeneratorRequest, writes a CodeGeneratorResponse with the typed
   client functions and server tables of each service (source:
   google/protobuf/compiler/plugin.proto).

   The parameter may name the sides to write, `client` and `server`. Without it both are written,
   for files that declare a service. With it, the files of that side are written for every .proto,
   so that a build system knows their names without reading it. */
#include "emit.h"
#include "names.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sides {
    bool client, server;
    bool always; /* even for a file without services */
};

static bool read_parameter(const char *parameter, struct sides *sides, struct text *errors)
{
    *sides = (struct sides){.client = true, .server = true};
    if (!parameter || !*parameter) {
        return true;
    }
    *sides = (struct sides){.always = true};
    for (size_t length; *parameter; parameter += length + (parameter[length] == ',')) {
        length = strcspn(parameter, ",");
        if (length == 6 && strncmp(parameter, "client", 6) == 0) {
            sides->client = true;
        } else if (length == 6 && strncmp(parameter, "server", 6) == 0) {
            sides->server = true;
        } else {
            text_add(errors, "unknown parameter \"%.*s\"; there are client and server\n",
                     (int)length, parameter);
            return false;
        }
    }
    return true;
}

static const Google__Protobuf__FileDescriptorProto *
find_file(const Google__Protobuf__Compiler__CodeGeneratorRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_proto_file; i++) {
        if (strcmp(request->proto_file[i]->name, name) == 0) {
            return request->proto_file[i];
        }
    }
    return NULL;
}

static void add_file(struct pool *pool, Google__Protobuf__Compiler__CodeGeneratorResponse *response,
                     const struct model_file *model, const char *ending,
                     void (*emit)(struct text *, const struct model_file *))
{
    Google__Protobuf__Compiler__CodeGeneratorResponse__File *file = pool_alloc(pool, sizeof(*file));
    google__protobuf__compiler__code_generator_response__file__init(file);
    struct text content = {.pool = pool};
    emit(&content, model);
    file->name = pool_printf(pool, "%s%s", model->stem, ending);
    file->content = content.data;
    response->file[response->n_file++] = file;
}

static void add_files(struct pool *pool, const struct sides *sides, const struct model_file *model,
                      Google__Protobuf__Compiler__CodeGeneratorResponse *response)
{
    if (model->n_services == 0 && !sides->always) {
        return;
    }
    if (sides->client) {
        add_file(pool, response, model, ".stated-client.h", emit_client_header);
        add_file(pool, response, model, ".stated-client.c", emit_client_source);
    }
    if (sides->server) {
        add_file(pool, response, model, ".stated-server.h", emit_server_header);
        add_file(pool, response, model, ".stated-server.c", emit_server_source);
    }
}

static void generate(struct pool *pool,
                     const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                     Google__Protobuf__Compiler__CodeGeneratorResponse *response)
{
    struct text errors = {.pool = pool};
    struct sides sides;
    if (read_parameter(request->parameter, &sides, &errors)) {
        response->file =
            pool_alloc(pool, 4 * request->n_file_to_generate * sizeof(response->file[0]));
        for (size_t i = 0; i < request->n_file_to_generate; i++) {
            struct model_file model;
            const Google__Protobuf__FileDescriptorProto *file =
                find_file(request, request->file_to_generate[i]);
            if (!file) {
                text_add(&errors, "%s: protoc did not hand it over\n",
                         request->file_to_generate[i]);
                continue;
            }
            model_read(pool, request, file, &model, &errors);
            if (errors.length == 0) {
                add_files(pool, &sides, &model, response);
            }
        }
    }
    if (errors.length > 0) {
        errors.data[errors.length - 1] = '\0'; /* protoc ends the line */
        response->error = errors.data;
        response->n_file = 0;
    }
}

static uint8_t *read_all(struct pool *pool, FILE *in, size_t *length)
{
    size_t capacity = 64u << 10;
    uint8_t *data = pool_alloc(pool, capacity);
    for (*length = 0; !feof(in) && !ferror(in);) {
        if (*length == capacity) {
            uint8_t *larger = pool_alloc(pool, 2 * capacity);
            memcpy(larger, data, *length);
            data = larger;
            capacity *= 2;
        }
        *length += fread(data + *length, 1, capacity - *length, in);
    }
    return data;
}

static bool write_response(struct pool *pool,
                           const Google__Protobuf__Compiler__CodeGeneratorResponse *response,
                           FILE *out)
{
    size_t length = protobuf_c_message_get_packed_size(&response->base);
    uint8_t *data = pool_alloc(pool, length);
    protobuf_c_message_pack(&response->base, data);
    return fwrite(data, 1, length, out) == length && fflush(out) == 0;
}

int main(void)
{
    struct pool pool = {NULL};
    int exit_code = EXIT_FAILURE;
    size_t length;
    uint8_t *data = read_all(&pool, stdin, &length);
    Google__Protobuf__Compiler__CodeGeneratorRequest *request =
        ferror(stdin)
            ? NULL
            : google__protobuf__compiler__code_generator_request__unpack(NULL, length, data);
    if (!request) {
        fprintf(stderr,
                "protoc-gen-stated: no CodeGeneratorRequest on standard input; it is run by "
                "protoc, as in `protoc --stated_out=DIR FILE.proto`\n");
        goto free_pool;
    }
    Google__Protobuf__Compiler__CodeGeneratorResponse response;
    google__protobuf__compiler__code_generator_response__init(&response);
    generate(&pool, request, &response);
    if (write_response(&pool, &response, stdout)) {
        exit_code = EXIT_SUCCESS;
    } else {
        perror("protoc-gen-stated: standard output");
    }
    google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
free_pool:
    pool_deinit(&pool);
    return exit_code;
}
