/* Finds the messages that methods take and return, in whatever file declares them. */
#ifndef STATED_GENERATOR_TYPES_H
#define STATED_GENERATOR_TYPES_H

#include "model.h"

#include <stdbool.h>

/* Looks for a type by its full name as protoc gives it (".a.b.ReadRequest"); false when no file of
   the request declares such a message. */
bool types_find(struct pool *pool, const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                const char *type_name, struct model_type *type);

/* The package as C names show it: the file's c_package, or else its package; "" without one. */
const char *types_c_package(struct pool *pool, const Google__Protobuf__FileDescriptorProto *file);

#endif
