/* What the emitters need to know of a .proto: its services with all names, types, access modes and
   comments worked out, and everything refused that cannot become C. */
#ifndef STATED_GENERATOR_MODEL_H
#define STATED_GENERATOR_MODEL_H

#include "google/protobuf/compiler/plugin.pb-c.h"
#include "pool.h"
#include "stated/access.h"

/* A message type, as protobuf-c names it. */
struct model_type {
    const char *name;       /* A__B__ReadRequest */
    const char *lower;      /* a__b__read_request */
    const char *proto_file; /* where it is declared */
};

struct model_method {
    const char *full_name; /* a.b.FooBar/DoIt */
    const char *member;    /* do_it */
    const char *check;     /* admit_do_it */
    const char *function;  /* a_b_foo_bar_do_it */
    const char *comment;   /* of the .proto; "" when there is none */
    enum stated_access access;
    struct model_type request;
    struct model_type response;
};

struct model_service {
    const char *full_name; /* a.b.FooBar */
    const char *prefix;    /* a_b_foo_bar */
    const char *comment;
    struct model_method *methods;
    size_t n_methods;
};

struct model_file {
    const char *name;      /* a/b/x.proto */
    const char *stem;      /* a/b/x */
    const char *guard;     /* a_2fb_2fx_2eproto */
    const char **includes; /* stems of the files whose messages are used, itself first */
    size_t n_includes;
    struct model_service *services;
    size_t n_services;
};

/* Works out the model of one file to generate; adds a line to errors for everything that is wrong
   with it, naming file, line, service and method and what to do. The result counts only when
   nothing was added. All memory is the pool's. */
void model_read(struct pool *pool, const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                const Google__Protobuf__FileDescriptorProto *file, struct model_file *model,
                struct text *errors);

/* "READ", "WRITE", … of an access mode. */
const char *model_access_name(enum stated_access access);

#endif
