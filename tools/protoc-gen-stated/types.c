#include "types.h"

#include "names.h"
#include "options.h"

#include <string.h>

/* Whether the dotted `path` ("Outer.Inner") leads through these messages. */
static bool declares(Google__Protobuf__DescriptorProto *const *messages, size_t n, const char *path)
{
    size_t length = strcspn(path, ".");
    for (size_t i = 0; i < n; i++) {
        if (strlen(messages[i]->name) != length || memcmp(messages[i]->name, path, length) != 0) {
            continue;
        }
        return path[length] == '\0' ||
               declares(messages[i]->nested_type, messages[i]->n_nested_type, path + length + 1);
    }
    return false;
}

/* The part of "a.b.Outer.Inner" behind the file's package, NULL when it is not in that package. */
static const char *within_package(const Google__Protobuf__FileDescriptorProto *file,
                                  const char *name)
{
    const char *package = file->package ? file->package : "";
    size_t length = strlen(package);
    if (length == 0) {
        return name;
    }
    return strncmp(name, package, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

const char *types_c_package(struct pool *pool, const Google__Protobuf__FileDescriptorProto *file)
{
    const char *c_package = options_c_package(pool, file->options);
    return c_package ? c_package : file->package ? file->package : "";
}

bool types_find(struct pool *pool, const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                const char *type_name, struct model_type *type)
{
    if (!type_name || type_name[0] != '.') {
        return false;
    }
    for (size_t i = 0; i < request->n_proto_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = request->proto_file[i];
        const char *path = within_package(file, type_name + 1);
        if (!path || !declares(file->message_type, file->n_message_type, path)) {
            continue;
        }
        const char *package = types_c_package(pool, file);
        char *c_path = pool_printf(pool, "%s%s%s", package, *package ? "." : "", path);
        *type = (struct model_type){.name = names_camel_path(pool, c_path, "__"),
                                    .lower = names_lower_path(pool, c_path, "__"),
                                    .proto_file = file->name};
        return true;
    }
    return false;
}
