/* get: the values of keys. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/memory.h"
#include "statectl/table.h"
#include "statectl/text.h"

#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_COMMITTED = 0x100 };

struct get_options {
    bool committed;
};

static const struct argp_option options[] = {
    {"committed", KEY_COMMITTED, NULL, 0, "The newest committed state, without waiting in line", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct get_options *get = state->input;
    (void)text;
    if (key != KEY_COMMITTED) {
        return ARGP_ERR_UNKNOWN;
    }
    get->committed = true;
    return 0;
}

/* The entries that were found, in the order of the keys; NULL = no such key. Of one page or more.
 */
struct findings {
    Stated__V1__ReadResponse **pages;
    size_t n_pages;
    const Stated__V1__Entry **entries;
    size_t n_found;
};

static void findings_free(struct findings *self)
{
    for (size_t i = 0; i < self->n_pages; i++) {
        stated__v1__read_response__free_unpacked(self->pages[i], NULL);
    }
    free(self->pages);
    free(self->entries);
}

/* Puts each entry of a page where its key is; returns the index of the first key that the page says
   nothing about. Entries come in the order of the keys asked for. */
static size_t sort_in(struct findings *self, const Stated__V1__Selector *keys, size_t from,
                      size_t n, const Stated__V1__ReadResponse *page)
{
    size_t at = from;
    for (size_t i = 0; i < page->n_entries; i++) {
        const Stated__V1__Entry *entry = page->entries[i];
        while (at < n && (keys[at].key.len != entry->key.len ||
                          memcmp(keys[at].key.data, entry->key.data, entry->key.len) != 0)) {
            at++;
        }
        if (at == n) {
            break;
        }
        self->entries[at++] = entry;
        self->n_found++;
    }
    return page->more ? at : n;
}

static int read_keys(struct ctl *ctl, const struct get_options *get, Stated__V1__Selector *keys,
                     size_t n, struct findings *found)
{
    Stated__V1__Selector **select = memory_new(n, sizeof *select);
    struct stated_status status = {.code = STATED_OK};
    for (size_t i = 0; i < n; i++) {
        select[i] = &keys[i];
    }
    for (size_t from = 0; from < n && status.code == STATED_OK;) {
        Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
        Stated__V1__ReadResponse *page;
        request.select = select + from;
        request.n_select = n - from;
        request.consistency = get->committed ? STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED
                                             : STATED__V1__CONSISTENCY__CONSISTENCY_ORDERED;
        if (stated_v1_state_service_read(ctl->client, NULL, &request, &page, &status) ==
            STATED_OK) {
            found->pages = memory_resize(found->pages, found->n_pages + 1, sizeof *found->pages);
            found->pages[found->n_pages++] = page;
            from = sort_in(found, keys, from, n, page);
        }
    }
    free(select);
    return status.code == STATED_OK ? EXIT_DONE : error_call(&status);
}

static void print_json(const struct findings *found, size_t n, enum output_format format)
{
    json_t *list = n > 1 && format == OUTPUT_JSON ? json_new_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        if (found->entries[i] == NULL) {
            continue;
        }
        json_t *object = json_of_entry(found->entries[i], true);
        if (list == NULL) {
            output_json(object, format);
        } else {
            json_append(list, object);
        }
    }
    if (list != NULL) {
        output_json(list, format);
    }
}

static void print_table(const struct findings *found, size_t n)
{
    static const char *const headings[] = {"KEY", "VALUE"};
    struct table table;
    table_init(&table, headings, 2);
    for (size_t i = 0; i < n; i++) {
        if (found->entries[i] != NULL) {
            table_add(&table, text_of(found->entries[i]->key, 0));
            table_add(&table, text_of(found->entries[i]->value, 0));
        }
    }
    table_flush(&table);
    table_deinit(&table);
}

static void print_raw(const struct findings *found, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (found->entries[i] != NULL) {
            output_bytes(found->entries[i]->value);
            fputs(n > 1 ? "\n" : "", stdout);
        }
    }
}

static void print(const struct findings *found, size_t n, enum output_format asked)
{
    enum output_format format = output_choose(asked, n == 1 ? OUTPUT_RAW : OUTPUT_JSONL);
    if (format == OUTPUT_RAW) {
        print_raw(found, n);
    } else if (format != OUTPUT_TABLE) {
        print_json(found, n, format);
    } else if (n > 1) {
        print_table(found, n);
    } else if (found->entries[0] != NULL) {
        char *text = text_block(found->entries[0]->value);
        fputs(text, stdout);
        free(text);
    }
}

static void name_missing(const struct findings *found, const Stated__V1__Selector *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (found->entries[i] == NULL) {
            char *key = text_of(keys[i].key, 0);
            error_negative("no such key: %s", key);
            free(key);
        }
    }
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct get_options get = {.committed = false};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_get, argc, argv, &get, &arguments)) {
        return EXIT_USAGE;
    }
    size_t n = (size_t)arguments.n;
    Stated__V1__Selector *keys = memory_new(n, sizeof *keys);
    struct findings found = {.entries = memory_new(n, sizeof *found.entries)};
    int code = EXIT_DONE;
    for (size_t i = 0; i < n && code == EXIT_DONE; i++) {
        stated__v1__selector__init(&keys[i]);
        keys[i].kind_case = STATED__V1__SELECTOR__KIND_KEY;
        code = ctl_key(ctl, arguments.at[i], &keys[i].key) ? EXIT_DONE : EXIT_USAGE;
    }
    code = code == EXIT_DONE ? ctl_connect(ctl) : code;
    code = code == EXIT_DONE ? read_keys(ctl, &get, keys, n, &found) : code;
    if (code == EXIT_DONE) {
        print(&found, n, ctl->format);
        name_missing(&found, keys, n);
        code = found.n_found == n ? EXIT_DONE : EXIT_NEGATIVE;
    }
    findings_free(&found);
    free(keys);
    return code;
}

const struct command cmd_get = {
    .name = "get",
    .arguments = "KEY...",
    .summary = "print the values of keys",
    .help = "One value is printed exactly, byte by byte, when the output is no terminal or with "
            "-o raw. Several are a table on a terminal and JSON lines elsewhere. A key that is not "
            "there is named on standard error, and the exit status is 1.\n\n"
            "Examples:\n"
            "  statectl get greeting\n"
            "  statectl get -o json greeting visits\n"
            "  statectl get photo >photo.jpg\n",
    .options = options,
    .parser = parse,
    .least_arguments = 1,
    .most_arguments = -1,
    .run = run,
};
