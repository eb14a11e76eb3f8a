/* Ranges: the walk, a page at a time, and what one call does with a whole range. */
#include "handle.h"
#include "kv_entry.h"
#include "kv_request.h"
#include "memory.h"

#include <string.h>

struct stated_kv_scan {
    struct stated_client *client;
    struct stated_kv_scan_options options;
    struct kv_selector selector;

    Stated__V1__ReadResponse *page; /* NULL: none yet, or nothing left */
    size_t next;                    /* of the page */
    bool ended;
    uint64_t entries; /* given out */
    uint64_t revision;
    enum stated_code code;
    struct stated_status status;

    struct memory_block block; /* of the entry that was given out */
    size_t after_bytes;
    uint8_t after[KV_MAX_KEY_BYTES]; /* the last key, once it was given out */
    uint8_t range[];                 /* the bytes of the range */
};

enum stated_code stated_kv_scan_open(struct stated_client *client,
                                     const struct stated_kv_range *range,
                                     const struct stated_kv_scan_options *options,
                                     struct stated_kv_scan **scan, struct stated_status *status)
{
    struct kv_selector selector;
    enum stated_code code = kv_check_pointer(scan, "scan", status);
    if (code != STATED_OK) {
        return code;
    }
    *scan = NULL;
    code = kv_check_pointer(client, "client", status);
    code = code == STATED_OK ? kv_select_range(&selector, range, status) : code;
    if (code != STATED_OK) {
        return code;
    }
    struct stated_kv_scan *self =
        memory_take(&client->memory, sizeof(*self) + kv_range_bytes(range));
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for a scan");
    }
    *self = (struct stated_kv_scan){.client = client};
    kv_selector_copy(&self->selector, &selector, self->range);
    if (options != NULL) {
        self->options = *options;
    }
    *scan = self;
    return stated_status_set(status, STATED_OK, "%s", "");
}

static uint32_t page_limit(const struct stated_kv_scan *self)
{
    uint32_t limit = self->options.page_entries;
    if (self->options.max_entries > 0) {
        uint64_t left = self->options.max_entries - self->entries;
        limit =
            limit == 0 || left < limit ? (uint32_t)(left < UINT32_MAX ? left : UINT32_MAX) : limit;
    }
    return limit;
}

/* The next page is there. */
static bool read_page(struct stated_kv_scan *self)
{
    struct kv_read how = {.after = {self->after, self->after_bytes},
                          .timeout_ms = self->options.timeout_ms,
                          .limit = page_limit(self),
                          .keys_only = self->options.keys_only,
                          .committed = self->options.committed};
    kv_free_read(self->client, self->page);
    self->code = kv_read(self->client, &self->selector, &how, &self->page, &self->status);
    self->next = 0;
    if (self->code != STATED_OK) {
        return false;
    }
    self->revision = self->page->revision;
    if (self->page->n_entries == 0 && self->page->more) {
        self->code = kv_say(&self->status, STATED_INTERNAL,
                            "the server says that there are more entries, but sent none");
    }
    return self->page->n_entries > 0;
}

/* Copies the entry to where it stays until the next one is asked for. */
static const struct stated_kv_entry *give(struct stated_kv_scan *self,
                                          const Stated__V1__Entry *entry)
{
    if (entry->key.len > sizeof(self->after)) {
        self->code = kv_say(&self->status, STATED_INTERNAL, "the server sent a key of %zu bytes",
                            entry->key.len);
        return NULL;
    }
    if (!memory_reserve(&self->client->memory, &self->block, kv_entry_block_bytes(entry))) {
        self->code = kv_say(&self->status, STATED_RESOURCE_EXHAUSTED, "no memory for an entry");
        return NULL;
    }
    memcpy(self->after, entry->key.data, entry->key.len);
    self->after_bytes = entry->key.len;
    self->entries++;
    return kv_entry_fill(self->block.bytes, entry);
}

static bool is_over(const struct stated_kv_scan *self)
{
    bool page_is_used_up = self->page != NULL && self->next == self->page->n_entries;
    bool has_all = self->options.max_entries > 0 && self->entries >= self->options.max_entries;
    return self->ended || has_all || (page_is_used_up && !self->page->more);
}

const struct stated_kv_entry *stated_kv_scan_next(struct stated_kv_scan *scan)
{
    const struct stated_kv_entry *entry = NULL;
    if (scan == NULL) {
        return NULL;
    }
    if (!is_over(scan)) {
        bool has_one = scan->page != NULL && scan->next < scan->page->n_entries;
        if (has_one || read_page(scan)) {
            entry = give(scan, scan->page->entries[scan->next++]);
        }
    }
    scan->ended = entry == NULL;
    return entry;
}

uint64_t stated_kv_scan_revision(const struct stated_kv_scan *scan)
{
    return scan == NULL ? 0 : scan->revision;
}

enum stated_code stated_kv_scan_close(struct stated_kv_scan *scan, struct stated_status *status)
{
    if (scan == NULL) {
        return stated_status_set(status, STATED_OK, "%s", "");
    }
    enum stated_code code = scan->code;
    if (status != NULL) {
        *status = scan->status;
    }
    kv_free_read(scan->client, scan->page);
    ProtobufCAllocator *memory = &scan->client->memory;
    memory_give(memory, scan->block.bytes);
    memory_give(memory, scan);
    return code;
}

enum stated_code stated_kv_count(struct stated_client *client, const struct stated_kv_range *range,
                                 const struct stated_kv_options *options, uint64_t *count,
                                 struct stated_status *status)
{
    struct kv_selector selector;
    struct kv_read how = {.timeout_ms = options == NULL ? 0 : options->timeout_ms,
                          .count_only = true,
                          .committed = options != NULL && options->committed};
    Stated__V1__ReadResponse *response;
    enum stated_code code = kv_check_pointer(count, "count", status);
    if (code != STATED_OK) {
        return code;
    }
    *count = 0;
    code = kv_check_pointer(client, "client", status);
    code = code == STATED_OK ? kv_select_range(&selector, range, status) : code;
    code = code == STATED_OK ? kv_read(client, &selector, &how, &response, status) : code;
    if (code == STATED_OK) {
        *count = response->count;
        kv_free_read(client, response);
    }
    return code;
}

enum stated_code stated_kv_delete_range(struct stated_client *client,
                                        const struct stated_kv_range *range,
                                        const struct stated_kv_options *options, uint64_t *revision,
                                        struct stated_status *status)
{
    struct kv_selector selector;
    struct kv_write write;
    Stated__V1__WriteResponse *response;
    kv_set(revision, 0);
    enum stated_code code = kv_check_pointer(client, "client", status);
    code = code == STATED_OK ? kv_select_range(&selector, range, status) : code;
    if (code != STATED_OK) {
        return code;
    }
    kv_write_delete(&write, &selector);
    code = kv_write_run(client, &write.request, options == NULL ? 0 : options->timeout_ms,
                        &response, status);
    if (code == STATED_OK) {
        kv_set(revision, response->revision);
        kv_free_write(client, response);
    }
    return code;
}
