/* Is every selector found by the keys it selects, and by no other? */
#include "state/watch_index.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FOUND = 600 };

struct finds {
    struct watch_index *index; /* NULL: leave what is found in */
    struct watch_entry *found[MAX_FOUND];
    size_t n;
};

static void note(void *context, struct watch_entry *entry)
{
    struct finds *self = context;
    assert_true(self->n < MAX_FOUND);
    self->found[self->n++] = entry;
    if (self->index != NULL) {
        watch_index_remove(self->index, entry);
    }
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static struct watch_entry watch_key(const char *key)
{
    return (struct watch_entry){.span = {.start = bytes_of(key), .kind = KEY_SPAN_POINT}};
}

static struct watch_entry watch_prefix(const char *prefix)
{
    return (struct watch_entry){.span = {.start = bytes_of(prefix), .kind = KEY_SPAN_PREFIX}};
}

static struct watch_entry watch_range(const char *start, const char *end)
{
    return (struct watch_entry){.span = {.start = bytes_of(start),
                                         .end = bytes_of(end),
                                         .kind = end[0] == '\0' ? KEY_SPAN_OPEN : KEY_SPAN_BEFORE}};
}

static size_t count(struct watch_index *index, const char *key)
{
    struct finds finds = {.n = 0};
    ProtobufCBinaryData bytes = bytes_of(key);
    watch_index_find(index, &bytes, note, &finds);
    return finds.n;
}

static void test_each_kind_finds_its_keys(void **state)
{
    (void)state;
    struct watch_index index;
    struct watch_entry entries[] = {
        watch_key("ab"),       watch_prefix("ab"),  watch_prefix(""),       watch_range("aa", "ac"),
        watch_range("ab", ""), watch_prefix("abc"), watch_range("ab", "ab")};
    assert_true(watch_index_init(&index));
    assert_int_equal(count(&index, "ab"), 0);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        watch_index_add(&index, &entries[i]);
    }
    assert_int_equal(count(&index, "ab"), 5);
    assert_int_equal(count(&index, "abc"), 5);
    assert_int_equal(count(&index, "abcd"), 5);
    assert_int_equal(count(&index, "a"), 1);
    assert_int_equal(count(&index, "ac"), 2);
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        watch_index_remove(&index, &entries[i]);
    }
    assert_int_equal(count(&index, "abc"), 0);
    watch_index_deinit(&index);
}

static void test_what_is_found_may_be_taken_out(void **state)
{
    (void)state;
    struct watch_index index;
    struct watch_entry entries[9];
    assert_true(watch_index_init(&index));
    for (size_t i = 0; i < 9; i++) {
        entries[i] = i % 3 == 0   ? watch_key("k")
                     : i % 3 == 1 ? watch_prefix("k")
                                  : watch_range("a", "");
        watch_index_add(&index, &entries[i]);
    }
    struct finds finds = {.index = &index};
    ProtobufCBinaryData key = bytes_of("k");
    watch_index_find(&index, &key, note, &finds);
    assert_int_equal(finds.n, 9);
    assert_int_equal(count(&index, "k"), 0);
    watch_index_deinit(&index);
}

static void test_all_can_be_found(void **state)
{
    (void)state;
    struct watch_index index;
    struct watch_entry entries[] = {watch_key("a"), watch_prefix("b"), watch_range("c", "d")};
    assert_true(watch_index_init(&index));
    for (size_t i = 0; i < 3; i++) {
        watch_index_add(&index, &entries[i]);
    }
    struct finds finds = {.index = &index};
    watch_index_find_all(&index, note, &finds);
    assert_int_equal(finds.n, 3);
    finds.n = 0;
    watch_index_find_all(&index, note, &finds);
    assert_int_equal(finds.n, 0);
    watch_index_deinit(&index);
}

static void test_the_longest_keys_and_prefixes(void **state)
{
    (void)state;
    struct watch_index index;
    char longest[VALIDATE_MAX_KEY_BYTES + 1];
    memset(longest, 'x', VALIDATE_MAX_KEY_BYTES);
    longest[VALIDATE_MAX_KEY_BYTES] = '\0';
    struct watch_entry key = watch_key(longest);
    struct watch_entry prefix = watch_prefix(longest);
    assert_true(watch_index_init(&index));
    watch_index_add(&index, &key);
    watch_index_add(&index, &prefix);
    assert_int_equal(count(&index, longest), 2);
    longest[VALIDATE_MAX_KEY_BYTES - 1] = '\0';
    assert_int_equal(count(&index, longest), 0);
    watch_index_deinit(&index);
}

static void random_text(char *out, size_t most)
{
    size_t length = (size_t)rand() % (most + 1);
    for (size_t i = 0; i < length; i++) {
        out[i] = (char)('a' + rand() % 2);
    }
    out[length] = '\0';
}

static bool selects(const struct key_span *span, const char *key)
{
    ProtobufCBinaryData bytes = bytes_of(key);
    return key_compare(&bytes, &span->start) >= 0 && key_span_reaches(span, &bytes);
}

enum { ENTRIES = 600, TEXT = 7 };

/* More than enough to grow the table several times, in and out, against a look at each. */
static void test_random_entries_against_a_look_at_each(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
    printf("TEST_SEED=%u\n", seed);
    srand(seed);
    static char texts[ENTRIES][2][TEXT];
    static struct watch_entry entries[ENTRIES];
    static bool is_in[ENTRIES];
    struct watch_index index;
    assert_true(watch_index_init(&index));
    for (unsigned step = 0; step < 20000; step++) {
        size_t i = (size_t)rand() % ENTRIES;
        if (is_in[i] && step % 2 == 0) {
            watch_index_remove(&index, &entries[i]);
            is_in[i] = false;
        } else if (!is_in[i]) {
            random_text(texts[i][0], TEXT - 1);
            random_text(texts[i][1], TEXT - 1);
            int kind = rand() % 20;
            entries[i] = kind == 0       ? watch_range(texts[i][0], texts[i][1])
                         : kind % 2 == 0 ? watch_key(texts[i][0])
                                         : watch_prefix(texts[i][0]);
            watch_index_add(&index, &entries[i]);
            is_in[i] = true;
        }
        if (step % 97 != 0) {
            continue;
        }
        char key[TEXT];
        random_text(key, TEXT - 1);
        size_t expected = 0;
        for (size_t j = 0; j < ENTRIES; j++) {
            expected += is_in[j] && selects(&entries[j].span, key);
        }
        assert_int_equal(count(&index, key), expected);
    }
    watch_index_deinit(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_finds_its_keys),
        cmocka_unit_test(test_what_is_found_may_be_taken_out),
        cmocka_unit_test(test_all_can_be_found),
        cmocka_unit_test(test_the_longest_keys_and_prefixes),
        cmocka_unit_test(test_random_entries_against_a_look_at_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
