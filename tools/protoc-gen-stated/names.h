/* How names of a .proto become names in C. Messages follow protobuf-c 1.4, whose code ours uses. */
#ifndef STATED_GENERATOR_NAMES_H
#define STATED_GENERATOR_NAMES_H

#include "pool.h"

#include <stdbool.h>

/* protobuf-c's two conversions of one name: "HTTPRequest" and "foo_bar" become "HTTPRequest" and
   "FooBar", or "httprequest" and "foo_bar". */
char *names_camel(struct pool *pool, const char *name);
char *names_lower(struct pool *pool, const char *name);

/* The same for a dotted name, its parts joined by `separator`. */
char *names_camel_path(struct pool *pool, const char *dotted, const char *separator);
char *names_lower_path(struct pool *pool, const char *dotted, const char *separator);

/* Whether no identifier can be called so in C. */
bool names_is_c_word(struct pool *pool, const char *name);

/* The identifier itself, or with a trailing underscore when C++ or a macro keeps that name. */
char *names_identifier(struct pool *pool, const char *name);

/* "dir/x.proto" without its ending. */
char *names_stem(struct pool *pool, const char *file_name);

/* A part of an identifier that no other file name gives: what is no letter or digit becomes _ and
   its number in hexadecimal. */
char *names_guard(struct pool *pool, const char *file_name);

#endif
