#include "statectl/txn_text.h"

#include "statectl/errors.h"
#include "statectl/memory.h"
#include "statectl/suggest.h"
#include "statectl/text.h"
#include "statectl/value.h"
#include "statectl/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line while it is read. */
struct line {
    struct ctl *ctl;
    size_t number;
    struct words words;
    size_t at; /* the next word to look at */
    Stated__V1__WriteRequest *request;
};

static int refuse(const struct line *self, const char *format, ...) STATED_PRINTF(2, 3);

static int refuse(const struct line *self, const char *format, ...)
{
    char problem[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    return error_usage("line %zu: %s", self->number, problem);
}

/* Says what stands where something else was expected. */
static int refuse_word(const struct line *self, const char *expected)
{
    if (self->at >= self->words.n) {
        return refuse(self, "expected %s at its end", expected);
    }
    char *found = text_of(self->words.at[self->at].bytes, 60);
    int code = refuse(self, "expected %s instead of '%s'", expected, found);
    free(found);
    return code;
}

/* Whether the next word is this one, without quotes; takes it then. */
static bool take_word(struct line *self, const char *word)
{
    if (self->at >= self->words.n || self->words.at[self->at].is_quoted ||
        strcmp((const char *)self->words.at[self->at].bytes.data, word) != 0) {
        return false;
    }
    self->at++;
    return true;
}

static ProtobufCBinaryData copy(ProtobufCBinaryData bytes)
{
    ProtobufCBinaryData own = {.data = memory_new(bytes.len + 1, 1), .len = bytes.len};
    memcpy(own.data, bytes.data, bytes.len);
    return own;
}

/* Takes a word as bytes of the message's own. */
static int take_bytes(struct line *self, const char *expected, ProtobufCBinaryData *bytes)
{
    if (self->at >= self->words.n) {
        return refuse_word(self, expected);
    }
    *bytes = copy(self->words.at[self->at++].bytes);
    return EXIT_DONE;
}

static int take_value(struct line *self, ProtobufCBinaryData *bytes)
{
    struct value value;
    ProtobufCBinaryData path = {.len = 0};
    if (!take_word(self, "-f")) {
        return take_bytes(self, "a value, or -f FILE,", bytes);
    }
    int code = take_bytes(self, "the name of a file", &path);
    if (code == EXIT_DONE) {
        code = value_take(&value, self->ctl, NULL, (const char *)path.data);
    }
    if (code == EXIT_DONE) {
        *bytes = copy(value.bytes);
        value_free(&value);
    }
    free(path.data);
    return code;
}

static int take_number(struct line *self, int64_t least, int64_t *number)
{
    char *end = NULL;
    const char *text =
        self->at < self->words.n ? (const char *)self->words.at[self->at].bytes.data : "";
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (text[0] == '\0' || text[0] == ' ' || *end != '\0' || errno != 0 || *number < least) {
        return refuse_word(self, least == 0 ? "a number from 0 on" : "a whole number of 64 bits");
    }
    self->at++;
    return EXIT_DONE;
}

static int take_end(const struct line *self)
{
    return self->at == self->words.n ? EXIT_DONE : refuse_word(self, "the end of the line");
}

static Stated__V1__Mutation *add_mutation(struct line *self, Stated__V1__Mutation__KindCase kind)
{
    Stated__V1__WriteRequest *request = self->request;
    Stated__V1__Mutation *mutation = memory_new(1, sizeof *mutation);
    stated__v1__mutation__init(mutation);
    mutation->kind_case = kind;
    request->mutations =
        memory_resize(request->mutations, request->n_mutations + 1, sizeof(Stated__V1__Mutation *));
    request->mutations[request->n_mutations++] = mutation;
    return mutation;
}

static int parse_if(struct line *self)
{
    Stated__V1__WriteRequest *request = self->request;
    int64_t number = 0;
    if (request->n_mutations > 0) {
        return refuse(self, "guards come first: put this line before what it guards");
    }
    Stated__V1__Guard *guard = memory_new(1, sizeof *guard);
    stated__v1__guard__init(guard);
    request->guards =
        memory_resize(request->guards, request->n_guards + 1, sizeof(Stated__V1__Guard *));
    request->guards[request->n_guards++] = guard;
    int code = take_bytes(self, "a key", &guard->key);
    if (code != EXIT_DONE) {
        return code;
    }
    if (take_word(self, "exists") || take_word(self, "absent")) {
        guard->must_case = STATED__V1__GUARD__MUST_EXISTS;
        guard->exists = self->words.at[self->at - 1].bytes.data[0] == 'e';
    } else if (take_word(self, "=")) {
        guard->must_case = STATED__V1__GUARD__MUST_VALUE;
        guard->value = (ProtobufCBinaryData){.len = 0};
        code = take_value(self, &guard->value);
    } else if (take_word(self, "revision")) {
        guard->must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
        code = take_number(self, 0, &number);
        guard->mod_revision = (uint64_t)number;
    } else if (take_word(self, "version")) {
        guard->must_case = STATED__V1__GUARD__MUST_VERSION;
        code = take_number(self, 0, &number);
        guard->version = (uint64_t)number;
    } else {
        code = refuse_word(self, "exists, absent, = VALUE, revision N or version N");
    }
    return code;
}

static int parse_put(struct line *self)
{
    Stated__V1__Put *put = memory_new(1, sizeof *put);
    stated__v1__put__init(put);
    add_mutation(self, STATED__V1__MUTATION__KIND_PUT)->put = put;
    int code = take_bytes(self, "a key", &put->key);
    return code == EXIT_DONE ? take_value(self, &put->value) : code;
}

static int parse_range(struct line *self, Stated__V1__Selector *selector)
{
    Stated__V1__Range *range = memory_new(1, sizeof *range);
    stated__v1__range__init(range);
    selector->kind_case = STATED__V1__SELECTOR__KIND_RANGE;
    selector->range = range;
    int code = take_bytes(self, "the first key", &range->start);
    return code == EXIT_DONE ? take_bytes(self, "the key to stop before, '' for none,", &range->end)
                             : code;
}

static int parse_del(struct line *self)
{
    Stated__V1__Delete *delete = memory_new(1, sizeof *delete);
    Stated__V1__Selector *selector = memory_new(1, sizeof *selector);
    stated__v1__delete__init(delete);
    stated__v1__selector__init(selector);
    delete->select = selector;
    add_mutation(self, STATED__V1__MUTATION__KIND_DELETE)->delete_ = delete;
    if (take_word(self, "--range")) {
        return parse_range(self, selector);
    }
    if (take_word(self, "--prefix")) {
        selector->kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
        selector->prefix = (ProtobufCBinaryData){.len = 0};
        return take_bytes(self, "a prefix", &selector->prefix);
    }
    selector->kind_case = STATED__V1__SELECTOR__KIND_KEY;
    selector->key = (ProtobufCBinaryData){.len = 0};
    return take_bytes(self, "a key, --prefix PREFIX or --range START END", &selector->key);
}

static int parse_add(struct line *self)
{
    Stated__V1__Add *add = memory_new(1, sizeof *add);
    stated__v1__add__init(add);
    add->delta = 1;
    add_mutation(self, STATED__V1__MUTATION__KIND_ADD)->add = add;
    int code = take_bytes(self, "a key", &add->key);
    return code == EXIT_DONE && self->at < self->words.n ? take_number(self, INT64_MIN, &add->delta)
                                                         : code;
}

static int parse_statement(struct line *self)
{
    static const struct {
        const char *word;
        int (*parse)(struct line *self);
    } statements[] = {{"if", parse_if}, {"put", parse_put}, {"del", parse_del}, {"add", parse_add}};
    static const char *const names[] = {"if", "put", "del", "add"};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (take_word(self, statements[i].word)) {
            int code = statements[i].parse(self);
            return code == EXIT_DONE ? take_end(self) : code;
        }
    }
    char *found = text_of(self->words.at[0].bytes, 60);
    const char *similar = suggest(found, names, sizeof names / sizeof names[0]);
    int code = similar != NULL
                   ? refuse(self,
                            "expected if, put, del or add instead of '%s'; did you mean "
                            "'%s'?",
                            found, similar)
                   : refuse(self, "expected if, put, del or add instead of '%s'", found);
    free(found);
    return code;
}

static int parse_line(struct line *self, const char *text, size_t length)
{
    char problem[WORDS_PROBLEM_BYTES];
    int code = EXIT_DONE;
    self->at = 0;
    if (!words_split(&self->words, text, length, problem)) {
        code = refuse(self, "%s", problem);
    } else if (self->words.n > 0) {
        code = parse_statement(self);
    }
    words_free(&self->words);
    return code;
}

int txn_text_parse(struct ctl *ctl, ProtobufCBinaryData text, Stated__V1__WriteRequest **request)
{
    struct line line = {.ctl = ctl, .request = memory_new(1, sizeof *line.request)};
    const char *at = (const char *)text.data;
    const char *end = at + text.len;
    int code = EXIT_DONE;
    stated__v1__write_request__init(line.request);
    while (code == EXIT_DONE && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        line.number++;
        code = parse_line(&line, at, (size_t)(stop - at));
        at = stop + 1;
    }
    if (code == EXIT_DONE && line.request->n_guards + line.request->n_mutations == 0) {
        code = error_usage("txn: there is nothing to do: no line has if, put, del or add");
    }
    if (code != EXIT_DONE) {
        stated__v1__write_request__free_unpacked(line.request, NULL);
        line.request = NULL;
    }
    *request = line.request;
    return code;
}
