/* The custom options the generator reads. They reach a C program as unknown fields of the options'
   messages, in wire format. */
#ifndef STATED_GENERATOR_OPTIONS_H
#define STATED_GENERATOR_OPTIONS_H

#include "google/protobuf/descriptor.pb-c.h"
#include "pool.h"

#include <stdbool.h>

/* The number of the method's (stated.v1.access); false when it has none. options may be NULL. */
bool options_access(const Google__Protobuf__MethodOptions *options, uint64_t *number);

/* The file's (pb_c_file).c_package, which protobuf-c uses in place of the package; NULL when it has
   none. options may be NULL. */
char *options_c_package(struct pool *pool, const Google__Protobuf__FileOptions *options);

#endif
