#include "claims.h"

#include <stdbool.h>
#include <string.h>

struct claim {
    const char *identifier;
    const char *owner; /* full name of the service or method */
    struct claim *next;
};

struct claims {
    struct pool *pool;
    struct claim *first;
    const char *file_name;
    struct text *errors;
};

/* False when somebody else has the identifier, which then has been told. */
static bool claim(struct claims *self, const char *owner, const char *identifier)
{
    for (const struct claim *other = self->first; other; other = other->next) {
        if (strcmp(other->identifier, identifier) != 0) {
            continue;
        }
        text_add(self->errors, "%s: %s and %s would both be `%s` in C; rename one of them\n",
                 self->file_name, other->owner, owner, identifier);
        return false;
    }
    struct claim *new_claim = pool_alloc(self->pool, sizeof(*new_claim));
    *new_claim = (struct claim){identifier, owner, self->first};
    self->first = new_claim;
    return true;
}

/* Up to the first that is taken: one error tells which two declarations are in each other's way. */
static void claim_all(struct claims *self, const char *owner, const char *stem,
                      const char *const *endings, size_t n)
{
    bool granted = true;
    for (size_t i = 0; i < n && granted; i++) {
        granted = claim(self, owner, pool_printf(self->pool, "%s%s", stem, endings[i]));
    }
}

static void claim_service(struct claims *self, const struct model_service *service)
{
    static const char *const service_endings[] = {"_handlers", "_methods", "_type", "_calls"};
    static const char *const method_endings[] = {"",         "_async",  "_done", "_method",
                                                 "_deliver", "_invoke", "_admit"};
    claim_all(self, service->full_name, service->prefix, service_endings, 4);
    for (size_t i = 0; i < service->n_methods; i++) {
        claim_all(self, service->methods[i].full_name, service->methods[i].function, method_endings,
                  7);
    }
}

/* Members of the struct of handlers are names of their own, one set per service. */
static void claim_members(struct claims *self, const struct model_service *service)
{
    self->first = NULL;
    for (size_t i = 0; i < service->n_methods; i++) {
        const struct model_method *method = &service->methods[i];
        if (claim(self, method->full_name, method->member)) {
            (void)claim(self, method->full_name, method->check);
        }
    }
}

void claims_check(struct pool *pool, const struct model_file *model, struct text *errors)
{
    struct claims claims = {.pool = pool, .file_name = model->name, .errors = errors};
    size_t length = errors->length;
    for (size_t i = 0; i < model->n_services; i++) {
        claim_service(&claims, &model->services[i]);
    }
    /* Two methods that are one function are one member as well: told already. */
    for (size_t i = 0; i < model->n_services && errors->length == length; i++) {
        claim_members(&claims, &model->services[i]);
    }
}
