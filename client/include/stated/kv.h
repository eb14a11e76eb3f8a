/* Keys and values, the short way: those calls of the built-in StateService that most programs want.

   Keys are 1 to 480 bytes, any bytes; values are any bytes. Both are given as struct stated_bytes;
   stated_text("color") makes one of a text. Arguments stay the caller's and are not looked at once
   the function has returned; what a function gives out says how it is freed. The key and the value
   of every entry are followed by a NUL that does not count, so a value that is text can be printed
   as it is.

   Functions return the outcome; *status (may be NULL) has it too, with a message for people.
   options may be NULL for the defaults. Outputs that may be NULL say so; on an error they are NULL
   or 0. Beside what is named at each function come the errors of any call (stated/client.h), and
   INVALID_ARGUMENT for a key that is empty or too long and for an argument that must not be NULL. A
   write that ends with UNKNOWN or DEADLINE_EXCEEDED may have happened.

   Memory is the client's, from its allocator, also for an entry that outlives it; a batch, which
   belongs to no client, is malloc's.

   Any thread may use a client at the same time. Functions that call the server wait for it, at most
   for their timeout; in a callback of the library they are FAILED_PRECONDITION. The generated
   functions in stated/v1/state.stated-client.h have a form that does not wait. */
#ifndef STATED_KV_H
#define STATED_KV_H

#include "stated/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that somebody else owns. data may be NULL if size is 0. */
struct stated_bytes {
    const void *data;
    size_t size;
};

/* The bytes of a text, without its NUL; none if text is NULL. */
static inline struct stated_bytes stated_text(const char *text)
{
    struct stated_bytes bytes = {text, text == NULL ? 0 : strlen(text)};
    return bytes;
}

/* A key as it was at some revision. */
struct stated_kv_entry {
    struct stated_bytes key;
    struct stated_bytes value;
    uint64_t create_revision; /* of the write that made the key */
    uint64_t mod_revision;    /* of the write that last changed it */
    uint64_t version;         /* writes since it was made; the first counts 1 */
};

struct stated_kv_options {
    size_t size;         /* of this struct; set by the INIT macro, 0 = the first version's */
    uint32_t timeout_ms; /* of the function, however many calls it makes; 0 = the client's */
    bool committed;      /* of what reads: take no ticket and never wait for a writer; every
                            acknowledged write is seen all the same */
};

#define STATED_KV_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct stated_kv_options), 0, false                                                 \
    }

/* Frees what a function gave out as an entry of its own. NULL is allowed. */
STATED_API void stated_kv_entry_free(struct stated_kv_entry *entry);

/* ---- One key ---- */

/* Reads a key. *entry (NULL: only tell whether it is there) is the caller's, to free with
   stated_kv_entry_free. NOT_FOUND: there is no such key. */
STATED_API enum stated_code stated_kv_get(struct stated_client *client, struct stated_bytes key,
                                          const struct stated_kv_options *options,
                                          struct stated_kv_entry **entry,
                                          struct stated_status *status) STATED_MUST_USE;

/* Sets a key, whatever it was. *revision (may be NULL) is the write's. */
STATED_API enum stated_code stated_kv_put(struct stated_client *client, struct stated_bytes key,
                                          struct stated_bytes value,
                                          const struct stated_kv_options *options,
                                          uint64_t *revision,
                                          struct stated_status *status) STATED_MUST_USE;

/* Sets a key that is not there yet. *revision (may be NULL) is the write's. ALREADY_EXISTS: it is
   there, and nothing was written. */
STATED_API enum stated_code stated_kv_create(struct stated_client *client, struct stated_bytes key,
                                             struct stated_bytes value,
                                             const struct stated_kv_options *options,
                                             uint64_t *revision,
                                             struct stated_status *status) STATED_MUST_USE;

/* Deletes a key. *revision (may be NULL) is the write's. NOT_FOUND: there was no such key. */
STATED_API enum stated_code stated_kv_delete(struct stated_client *client, struct stated_bytes key,
                                             const struct stated_kv_options *options,
                                             uint64_t *revision,
                                             struct stated_status *status) STATED_MUST_USE;

/* Sets a key if nobody has changed it: its mod_revision is still the one given, or, given 0, it is
   not there. *revision (may be NULL) is the write's. ABORTED: it has been changed, and nothing was
   written; then *current (may be NULL) is the key as it is now, the caller's, to free with
   stated_kv_entry_free, or NULL when it is not there. */
STATED_API enum stated_code stated_kv_compare_and_set(
    struct stated_client *client, struct stated_bytes key, uint64_t mod_revision,
    struct stated_bytes value, const struct stated_kv_options *options, uint64_t *revision,
    struct stated_kv_entry **current, struct stated_status *status) STATED_MUST_USE;

/* Adds to a counter, a key whose value is a decimal number of 64 bits; a key that is not there
   counts as 0. *value (may be NULL) is the counter after it. FAILED_PRECONDITION: the value is no
   number; OUT_OF_RANGE: the sum has more than 64 bits. Nothing was written then. */
STATED_API enum stated_code stated_kv_add(struct stated_client *client, struct stated_bytes key,
                                          int64_t delta, const struct stated_kv_options *options,
                                          int64_t *value,
                                          struct stated_status *status) STATED_MUST_USE;

/* What a stated_kv_updater wants done with the key. */
enum stated_kv_change {
    STATED_KV_KEEP,   /* nothing */
    STATED_KV_SET,    /* set it to the value */
    STATED_KV_REMOVE, /* delete it */
};

/* Decides what becomes of a key. now is how it is, NULL when it is not there, and valid during the
   call. With STATED_KV_SET, *value is what to set; its bytes are the updater's or in *now, and are
   looked at until the updater is called again or the update returns. */
typedef enum stated_kv_change (*stated_kv_updater)(void *argument,
                                                   const struct stated_kv_entry *now,
                                                   struct stated_bytes *value);

/* Reads a key, asks updater (not NULL) what to make of it and writes that if nobody has changed the
   key meanwhile; otherwise asks again with the key as it has become, until it succeeds or the time
   is over. updater runs on the caller's thread, at least once if the key can be read, and without
   locks: it may use the client. *revision (may be NULL) is the write's, 0 when updater wanted none.
   DEADLINE_EXCEEDED: others changed the key each time. */
STATED_API enum stated_code stated_kv_update(struct stated_client *client, struct stated_bytes key,
                                             stated_kv_updater updater, void *argument,
                                             const struct stated_kv_options *options,
                                             uint64_t *revision,
                                             struct stated_status *status) STATED_MUST_USE;

/* ---- Ranges ---- */

/* Keys, in the order of their bytes: with a prefix, or from start up to but without end; an empty
   end is the end of all keys. All zero: every key. Both kinds at once are INVALID_ARGUMENT. */
struct stated_kv_range {
    struct stated_bytes prefix;
    struct stated_bytes start;
    struct stated_bytes end;
};

/* The keys that start with a text; "" = every key. */
static inline struct stated_kv_range stated_kv_prefix(const char *prefix)
{
    struct stated_kv_range range = {stated_text(prefix), {NULL, 0}, {NULL, 0}};
    return range;
}

struct stated_kv_scan_options {
    size_t size;           /* of this struct; set by the INIT macro, 0 = the first version's */
    uint32_t timeout_ms;   /* of each page; 0 = the client's */
    bool committed;        /* as of stated_kv_options */
    bool keys_only;        /* entries come without values */
    uint32_t page_entries; /* asked for at a time; 0 = the server's limit */
    uint64_t max_entries;  /* in all; 0 = no limit */
};

#define STATED_KV_SCAN_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(struct stated_kv_scan_options), 0, false, false, 0, 0                               \
    }

/* A walk over a range. Opaque. One thread at a time. */
struct stated_kv_scan;

/* Begins a walk; reads nothing yet. range (NULL: every key) and options are copied. *scan is NULL
   on an error and otherwise the caller's, to end with stated_kv_scan_close before the client is
   closed. Does not block. RESOURCE_EXHAUSTED: memory is out. */
STATED_API enum stated_code stated_kv_scan_open(struct stated_client *client,
                                                const struct stated_kv_range *range,
                                                const struct stated_kv_scan_options *options,
                                                struct stated_kv_scan **scan,
                                                struct stated_status *status) STATED_MUST_USE;

/* The next entry in key order; NULL at the end, and when something went wrong, which
   stated_kv_scan_close tells. The entry is the scan's, valid until the next call with the same
   scan. Reads a page whenever the one before is used up, and only then blocks. Each page shows one
   state; a write between two pages is seen by the later one. NULL for a NULL scan. */
STATED_API const struct stated_kv_entry *stated_kv_scan_next(struct stated_kv_scan *scan);

/* The revision of the state that the page of the last entry shows; 0 before the first page. */
STATED_API uint64_t stated_kv_scan_revision(const struct stated_kv_scan *scan);

/* Ends a walk, anywhere, and frees it. Returns how it went: OK, also when it was not walked to the
   end, or why a page could not be read. A NULL scan is OK. Does not block. */
STATED_API enum stated_code stated_kv_scan_close(struct stated_kv_scan *scan,
                                                 struct stated_status *status);

/* Counts the keys of a range (NULL: every key) at one moment. *count is not NULL. */
STATED_API enum stated_code stated_kv_count(struct stated_client *client,
                                            const struct stated_kv_range *range,
                                            const struct stated_kv_options *options,
                                            uint64_t *count,
                                            struct stated_status *status) STATED_MUST_USE;

/* Deletes all keys of a range (NULL: every key) at once. *revision (may be NULL) is the write's. */
STATED_API enum stated_code stated_kv_delete_range(struct stated_client *client,
                                                   const struct stated_kv_range *range,
                                                   const struct stated_kv_options *options,
                                                   uint64_t *revision,
                                                   struct stated_status *status) STATED_MUST_USE;

/* ---- Batches ---- */

/* Several changes that happen together, under conditions, or not at all. Opaque. One thread at a
   time. What is put into it is copied. A bad key and lack of memory are remembered and reported by
   stated_kv_batch_write, so that filling a batch needs no checks; all its functions take NULL for a
   batch that there was no memory for. */
struct stated_kv_batch;

/* An empty batch, to free with stated_kv_batch_free; NULL when memory is out. */
STATED_API struct stated_kv_batch *stated_kv_batch_new(void);

/* Frees a batch. NULL is allowed. */
STATED_API void stated_kv_batch_free(struct stated_kv_batch *batch);

/* Makes it empty, to be filled again. */
STATED_API void stated_kv_batch_clear(struct stated_kv_batch *batch);

/* Conditions: the key is not there; it is there; its mod_revision is this (0: it is not there); it
   is there with this value. All of a batch must hold. */
STATED_API void stated_kv_batch_if_absent(struct stated_kv_batch *batch, struct stated_bytes key);
STATED_API void stated_kv_batch_if_present(struct stated_kv_batch *batch, struct stated_bytes key);
STATED_API void stated_kv_batch_if_revision(struct stated_kv_batch *batch, struct stated_bytes key,
                                            uint64_t mod_revision);
STATED_API void stated_kv_batch_if_value(struct stated_kv_batch *batch, struct stated_bytes key,
                                         struct stated_bytes value);

/* Changes: set a key; delete a key, or the keys of a range, if they are there; add to a counter.
   Each key may be changed once in a batch; otherwise writing it is INVALID_ARGUMENT. */
STATED_API void stated_kv_batch_put(struct stated_kv_batch *batch, struct stated_bytes key,
                                    struct stated_bytes value);
STATED_API void stated_kv_batch_delete(struct stated_kv_batch *batch, struct stated_bytes key);
STATED_API void stated_kv_batch_delete_range(struct stated_kv_batch *batch,
                                             const struct stated_kv_range *range);
STATED_API void stated_kv_batch_add(struct stated_kv_batch *batch, struct stated_bytes key,
                                    int64_t delta);

/* Writes the batch, which stays as it is and may be written again. *revision (may be NULL) is the
   write's. ABORTED: a condition does not hold, which the message names, and nothing was written;
   stated_kv_batch_current then tells how the keys are. INVALID_ARGUMENT: also what went wrong when
   it was filled, with the number of the condition or change, from 0. */
STATED_API enum stated_code stated_kv_batch_write(struct stated_client *client,
                                                  struct stated_kv_batch *batch,
                                                  const struct stated_kv_options *options,
                                                  uint64_t *revision,
                                                  struct stated_status *status) STATED_MUST_USE;

/* After stated_kv_batch_write returned ABORTED: a key that the batch has a condition on, as it was
   found; NULL when it was not there, or the batch has no condition on it. The entry is the batch's,
   valid until the batch is written again, cleared or freed. Does not block. */
STATED_API const struct stated_kv_entry *stated_kv_batch_current(struct stated_kv_batch *batch,
                                                                 struct stated_bytes key);

/* ---- Watches ---- */

/* A watch over a range. Opaque. */
struct stated_kv_watch;

/* One change of one key. */
struct stated_kv_event {
    bool deleted;                           /* else it was set */
    const struct stated_kv_entry *entry;    /* the key as it is then; of a deletion, the key and, as
                                               mod_revision, the revision of the deletion */
    const struct stated_kv_entry *previous; /* as it was before; NULL if it was not there */
};

/* Told about changes: n > 0 of them, in the order of their revisions, and all that a revision
   changed in the range together. On a thread of the library, one call at a time: it may start calls
   that do not wait, and stop the watch, but must not block. The events are valid during the call.
 */
typedef void (*stated_kv_watch_events)(void *argument, const struct stated_kv_event *events,
                                       size_t n);

/* Told once when a watch cannot go on, in the same way; after that it does nothing. status is valid
   during the call. */
typedef void (*stated_kv_watch_end)(void *argument, const struct stated_status *status);

struct stated_kv_watch_options {
    size_t size;                /* of this struct; set by the INIT macro, 0 = the first version's */
    uint64_t from_revision;     /* the first to be told about; 0 = the first after the start */
    stated_kv_watch_end on_end; /* NULL = not wanted */
};

#define STATED_KV_WATCH_OPTIONS_INIT                                                               \
    {                                                                                              \
        sizeof(struct stated_kv_watch_options), 0, NULL                                            \
    }

/* Watches a range (NULL: every key): every change from from_revision on, or that happens after this
   has returned, is told once, and none is left out, also when the connection breaks or the server
   restarts: the watch goes on by itself where it was. It ends when that is impossible:
   OUT_OF_RANGE, the server no longer keeps a change that it has not told; INVALID_ARGUMENT, what it
   watches is no range; UNIMPLEMENTED, the server is older and has no watches, or newer and has told
   of a kind of change that this version does not know, nor anything else with it; UNKNOWN, it has
   answered with such a code; PERMISSION_DENIED; UNAUTHENTICATED; RESOURCE_EXHAUSTED, what one
   revision changed does not fit a reply, or the server holds as many watches as it may; CANCELLED,
   the client was closed, which may be told on the thread that closes it. on_events is not NULL;
   argument is for both callbacks. *watch is NULL on an error and otherwise the caller's,
   to end with stated_kv_watch_stop, before the client is closed or after. Waits for one short call
   if from_revision is 0, and otherwise does not block. */
STATED_API enum stated_code stated_kv_watch_start(struct stated_client *client,
                                                  const struct stated_kv_range *range,
                                                  const struct stated_kv_watch_options *options,
                                                  stated_kv_watch_events on_events, void *argument,
                                                  struct stated_kv_watch **watch,
                                                  struct stated_status *status) STATED_MUST_USE;

/* The first revision that has not been told about: where another watch would go on. Any thread,
   does not block; within on_events it does not count what is being told. */
STATED_API uint64_t stated_kv_watch_revision(struct stated_kv_watch *watch);

/* Ends a watch and frees it. Once this has returned no callback runs or begins; within a callback
   of the watch itself, that one is the last. Waits for a callback that runs on another thread. NULL
   is allowed. */
STATED_API void stated_kv_watch_stop(struct stated_kv_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
