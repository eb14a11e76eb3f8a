/* What a .proto says beside its declarations: comments and lines of services and methods. */
#ifndef STATED_GENERATOR_SOURCE_INFO_H
#define STATED_GENERATOR_SOURCE_INFO_H

#include "google/protobuf/descriptor.pb-c.h"

#include <stddef.h>

struct source_info {
    const char *comment; /* before the declaration, or else behind it; "" without one */
    int line;            /* from 1; 0 = not known */
};

/* Of a service of the file, or of one of its methods. The strings are the file's. */
struct source_info source_info_service(const Google__Protobuf__FileDescriptorProto *file,
                                       size_t service);
struct source_info source_info_method(const Google__Protobuf__FileDescriptorProto *file,
                                      size_t service, size_t method);

#endif
