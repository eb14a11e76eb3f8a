#include "statectl/scan.h"

#include "statectl/errors.h"

#include "stated/v1/state.stated-client.h"

#include <string.h>

enum { MAX_KEY_BYTES = 480 };

/* Where the next page starts. */
struct resume {
    uint8_t key[MAX_KEY_BYTES];
    size_t length;
};

static uint32_t page_limit(const struct scan *self)
{
    uint64_t left = self->limit - self->n;
    return self->limit == 0 ? 0 : left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

static enum stated_code read_page(const struct scan *self, struct ctl *ctl, struct resume *resume,
                                  Stated__V1__ReadResponse **page, struct stated_status *status)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *selectors = &selector;
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix = self->prefix;
    request.select = &selectors;
    request.n_select = 1;
    request.limit = page_limit(self);
    request.after = (ProtobufCBinaryData){.data = resume->key, .len = resume->length};
    request.keys_only = self->keys_only;
    request.consistency = self->committed ? STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED
                                          : STATED__V1__CONSISTENCY__CONSISTENCY_ORDERED;
    return stated_v1_state_service_read(ctl->client, NULL, &request, page, status);
}

/* False, and why, when what is left could not be asked for. */
static bool can_go_on(const Stated__V1__ReadResponse *page, struct stated_status *status)
{
    if (!page->more) {
        return true;
    }
    if (page->n_entries == 0) {
        (void)!stated_status_set(status, STATED_INTERNAL,
                                 "the server says that there are more keys, but sent none");
        return false;
    }
    size_t length = page->entries[page->n_entries - 1]->key.len;
    if (length > MAX_KEY_BYTES) {
        (void)!stated_status_set(status, STATED_UNIMPLEMENTED,
                                 "the server sent a key of %zu bytes, this statectl knows keys of "
                                 "up to %d: use one of the server's version",
                                 length, MAX_KEY_BYTES);
        return false;
    }
    return true;
}

/* Whether there is more to read; remembers where. */
static bool go_on(struct scan *self, const Stated__V1__ReadResponse *page, struct resume *resume)
{
    self->first_revision = self->n == 0 ? page->revision : self->first_revision;
    self->last_revision = page->revision;
    self->n += page->n_entries;
    self->more = page->more;
    bool wants_more = self->page(self->argument, page) && page->more &&
                      (self->limit == 0 || self->n < self->limit);
    if (wants_more) {
        ProtobufCBinaryData last = page->entries[page->n_entries - 1]->key;
        resume->length = last.len;
        memcpy(resume->key, last.data, resume->length);
    }
    return wants_more;
}

int scan_run(struct scan *self, struct ctl *ctl)
{
    struct resume resume = {.length = 0};
    struct stated_status status;
    bool goes_on = true;
    int code = ctl_connect(ctl);
    while (code == EXIT_DONE && goes_on) {
        Stated__V1__ReadResponse *page;
        if (read_page(self, ctl, &resume, &page, &status) != STATED_OK) {
            return error_call(&status);
        }
        if (!can_go_on(page, &status)) {
            stated__v1__read_response__free_unpacked(page, NULL);
            return error_call(&status);
        }
        goes_on = go_on(self, page, &resume);
        stated__v1__read_response__free_unpacked(page, NULL);
    }
    return code;
}
