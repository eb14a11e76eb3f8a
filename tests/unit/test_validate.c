/* Is every malformed read, write and watch refused with a message that says what is wrong, and
   every well-formed one let through? */
#include "state/key_span.h"
#include "state/validate.h"

#include "requests.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static void check(enum stated_code code, const char *message, const char *part)
{
    if (part == NULL) {
        assert_int_equal(code, STATED_OK);
    } else if (code != STATED_INVALID_ARGUMENT || strstr(message, part) == NULL) {
        fail_msg("%s: \"%s\", expected \"%s\"", stated_code_name(code), message, part);
    }
}

/* part: what the message must have in it; NULL: the request is fine. */
static void check_read(Stated__V1__ReadRequest *read, const char *part)
{
    const char *message = "";
    enum stated_code code = validate_read(read, &arena, &message);
    check(code, message, part);
}

static void check_write(Stated__V1__WriteRequest *write, const char *part)
{
    const char *message = "";
    enum stated_code code = validate_write(write, &arena, &message);
    check(code, message, part);
}

static Stated__V1__ReadRequest *read_of(Stated__V1__Selector *selector)
{
    return read_select(&arena, read_new(&arena), selector);
}

static Stated__V1__WriteRequest *write_of(Stated__V1__Mutation *mutation)
{
    return write_mutation(&arena, write_new(&arena), mutation);
}

static Stated__V1__WriteRequest *write_of_two(Stated__V1__Mutation *a, Stated__V1__Mutation *b)
{
    return write_mutation(&arena, write_of(a), b);
}

static Stated__V1__Selector *no_selector(void)
{
    Stated__V1__Selector *selector = select_key(&arena, "k");
    selector->kind_case = STATED__V1__SELECTOR__KIND__NOT_SET;
    return selector;
}

static void test_a_read_selects_something(void **state)
{
    (void)state;
    check_read(read_new(&arena), "selects nothing");
    check_read(read_of(no_selector()), "selector 0 selects nothing");
    check_read(read_of(select_key(&arena, "k")), NULL);
    check_read(read_of(select_prefix(&arena, "")), NULL);
    check_read(read_of(select_range(&arena, "", "")), NULL);
}

static void test_a_key_has_1_to_480_bytes(void **state)
{
    (void)state;
    check_read(read_of(select_key(&arena, "")), "selector 0: the key is empty");
    check_read(read_of(select_key_bytes(&arena, request_fill(&arena, 'k', 480))), NULL);
    check_read(read_of(select_key_bytes(&arena, request_fill(&arena, 'k', 481))),
               "\" has 481 bytes, at most 480");
    check_read(read_of(select_key_bytes(&arena, request_fill(&arena, '\n', 481))),
               "\"\\x0a\\x0a\\x0a");
    check_read(read_of(select_key_bytes(&arena, request_bytes(&arena, "\0", 1))), NULL);
}

static void test_bounds_of_a_selection_are_in_order_and_within_length(void **state)
{
    (void)state;
    check_read(read_of(select_range(&arena, "b", "a")), "ends at \"a\", before its start \"b\"");
    check_read(read_of(select_range(&arena, "ab", "a")), "before its start");
    check_read(read_of(select_range(&arena, "a", "a")), NULL);
    check_read(read_of(select_range(&arena, "a", "ab")), NULL);
    check_read(read_of(select_range(&arena, "b", "")), NULL);

    Stated__V1__Selector *prefix = select_prefix(&arena, "");
    prefix->prefix = request_fill(&arena, 'p', 481);
    check_read(read_of(prefix), "has 481 bytes, at most 480");

    ProtobufCBinaryData behind_longest = request_fill(&arena, 'z', 481);
    ProtobufCBinaryData too_long = request_fill(&arena, 'z', 482);
    ProtobufCBinaryData start = request_text(&arena, "a");
    check_read(read_of(select_range_bytes(&arena, start, behind_longest)), NULL);
    check_read(read_of(select_range_bytes(&arena, start, too_long)), "has 482 bytes");
    check_read(read_of(select_range_bytes(&arena, too_long, behind_longest)), "has 482 bytes");
}

static void test_a_bad_selector_is_named_by_its_place(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_key(&arena, "fine"));
    read_select(&arena, read, select_key(&arena, ""));
    check_read(read, "selector 1: the key is empty");
}

static void test_after_continues_one_prefix_or_range(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_prefix(&arena, "p/"));
    read->after = request_text(&arena, "p/3");
    check_read(read, NULL);
    read_select(&arena, read, select_prefix(&arena, "q/"));
    check_read(read, "selects 2 item(s)");

    read = read_of(select_key(&arena, "k"));
    read->after = request_text(&arena, "k");
    check_read(read, "a single key");

    read = read_of(select_range(&arena, "a", ""));
    read->after = request_fill(&arena, 'a', 481);
    check_read(read, NULL);
    read->after = request_fill(&arena, 'a', 482);
    check_read(read, "has 482 bytes");
}

static void test_an_unknown_consistency_is_refused(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_key(&arena, "k"));
    read->consistency = STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
    check_read(read, NULL);
    read->consistency = (Stated__V1__Consistency)7;
    check_read(read, "consistency 7 is unknown");
}

static void test_a_request_has_a_bounded_number_of_parts(void **state)
{
    (void)state;
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    read.n_select = VALIDATE_MAX_SELECTORS + 1; /* counted before they are looked at */
    check_read(&read, "4097 selectors");
    write.n_guards = VALIDATE_MAX_GUARDS + 1;
    check_write(&write, "4097 guards");
    write.n_guards = 0;
    write.n_mutations = VALIDATE_MAX_MUTATIONS + 1;
    check_write(&write, "4097 mutations");
}

static void test_a_guard_has_a_key_and_a_condition(void **state)
{
    (void)state;
    Stated__V1__Guard *guards[] = {guard_exists(&arena, "k", false), guard_revision(&arena, "k", 0),
                                   guard_version(&arena, "k", 1), guard_value(&arena, "k", "")};
    Stated__V1__WriteRequest *write = write_new(&arena);
    for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
        check_write(write_guard(&arena, write, guards[i]), NULL);
    }
    Stated__V1__Guard *bad = guard_exists(&arena, "k", true);
    bad->must_case = STATED__V1__GUARD__MUST__NOT_SET;
    check_write(write_guard(&arena, write, bad), "guard 4, on \"k\", has no condition");
    check_write(write_guard(&arena, write_new(&arena), guard_exists(&arena, "", true)),
                "guard 0: the key is empty");
}

static void test_a_mutation_does_something_to_a_key(void **state)
{
    (void)state;
    Stated__V1__Mutation *bad = mutation_put(&arena, "k", "v");
    bad->kind_case = STATED__V1__MUTATION__KIND__NOT_SET;
    check_write(write_of(bad), "mutation 0 does nothing");
    check_write(write_of(mutation_put(&arena, "", "v")), "mutation 0: the key is empty");
    check_write(write_of(mutation_add(&arena, "", 1)), "mutation 0: the key is empty");
    check_write(write_of(mutation_delete(&arena, NULL)), "mutation 0 has no selector");
    check_write(write_of(mutation_delete(&arena, no_selector())), "mutation 0 selects nothing");
    check_write(write_of(mutation_delete(&arena, select_range(&arena, "b", "a"))), "before its");
    check_write(write_of(mutation_put(&arena, "k", "")), NULL);
    check_write(write_new(&arena), NULL);
}

static void test_a_write_touches_a_key_once(void **state)
{
    (void)state;
    Stated__V1__Mutation *put = mutation_put(&arena, "k/5", "v");
    Stated__V1__Mutation *touching[] = {
        mutation_put(&arena, "k/5", "w"),
        mutation_add(&arena, "k/5", 1),
        mutation_delete(&arena, select_key(&arena, "k/5")),
        mutation_delete(&arena, select_prefix(&arena, "k/")),
        mutation_delete(&arena, select_prefix(&arena, "k/5")),
        mutation_delete(&arena, select_prefix(&arena, "")),
        mutation_delete(&arena, select_range(&arena, "k/5", "k/6")),
        mutation_delete(&arena, select_range(&arena, "a", "k/50")),
        mutation_delete(&arena, select_range(&arena, "a", "")),
    };
    Stated__V1__Mutation *apart[] = {
        mutation_put(&arena, "k/50", "w"),
        mutation_put(&arena, "k/", "w"),
        mutation_add(&arena, "k/4", 1),
        mutation_delete(&arena, select_prefix(&arena, "k/50")),
        mutation_delete(&arena, select_range(&arena, "k/50", "")),
        mutation_delete(&arena, select_range(&arena, "a", "k/5")),
        mutation_delete(&arena, select_range(&arena, "k/5", "k/5")),
    };
    for (size_t i = 0; i < sizeof(touching) / sizeof(touching[0]); i++) {
        check_write(write_of_two(put, touching[i]), "both touch");
        check_write(write_of_two(touching[i], put), "both touch");
    }
    for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
        check_write(write_of_two(put, apart[i]), NULL);
        check_write(write_of_two(apart[i], put), NULL);
    }
}

static void test_two_deletes_do_not_overlap(void **state)
{
    (void)state;
    Stated__V1__Mutation *wide = mutation_delete(&arena, select_range(&arena, "b", "m"));
    check_write(write_of_two(wide, mutation_delete(&arena, select_range(&arena, "c", "d"))),
                "both touch keys at \"c\"");
    check_write(write_of_two(wide, mutation_delete(&arena, select_range(&arena, "a", "c"))),
                "mutations 1 and 0 both touch keys at \"b\"");
    check_write(write_of_two(wide, mutation_delete(&arena, select_prefix(&arena, "l"))), "touch");
    check_write(write_of_two(wide, mutation_delete(&arena, select_prefix(&arena, "m"))), NULL);
    check_write(write_of_two(wide, mutation_delete(&arena, select_range(&arena, "m", ""))), NULL);
}

/* Whether two spans share one of the keys "" to "ccc" over the letters a, b and c. */
static bool share_a_key(const struct key_span *a, const struct key_span *b)
{
    static const char *const letters = "abc";
    for (int i = 0; i < 64; i++) {
        char text[4] = {0};
        size_t length = 0;
        for (int digits = i; digits > 0; digits /= 4) {
            if (digits % 4 > 0) {
                text[length++] = letters[digits % 4 - 1];
            }
        }
        ProtobufCBinaryData key = {.len = length, .data = (uint8_t *)text};
        if (length > 0 && key_compare(&key, &a->start) >= 0 && key_span_reaches(a, &key) &&
            key_compare(&key, &b->start) >= 0 && key_span_reaches(b, &key)) {
            return true;
        }
    }
    return false;
}

static const char *random_word(unsigned *seed)
{
    static const char *const words[] = {"a", "b", "c", "ab", "bb", "ca", "abc", "bcb", "cc"};
    return words[(unsigned)rand_r(seed) % (sizeof(words) / sizeof(words[0]))];
}

static Stated__V1__Mutation *random_mutation(unsigned *seed)
{
    const char *word = random_word(seed);
    const char *other = random_word(seed);
    switch (rand_r(seed) % 4) {
    case 0:
        return mutation_put(&arena, word, "");
    case 1:
        return mutation_delete(&arena, select_prefix(&arena, word));
    case 2:
        return mutation_delete(&arena, select_range(&arena, strcmp(word, other) < 0 ? word : other,
                                                    strcmp(word, other) < 0 ? other : word));
    default:
        return mutation_add(&arena, word, 1);
    }
}

static struct key_span span_of(const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return key_span_of_key(mutation->put->key);
    case STATED__V1__MUTATION__KIND_ADD:
        return key_span_of_key(mutation->add->key);
    default:
        return key_span_of_selector(mutation->delete_->select);
    }
}

/* Against comparing every pair over every short key. Words of up to three letters: two different
   spans that meet share one of the listed keys. */
static void test_random_writes_are_refused_exactly_when_two_mutations_meet(void **state)
{
    (void)state;
    unsigned seed = 20240607;
    size_t met = 0;
    for (int round = 0; round < 5000; round++) {
        arena_reset(&arena);
        unsigned start = seed;
        Stated__V1__WriteRequest *write = write_new(&arena);
        size_t n = 2 + (size_t)rand_r(&seed) % 4;
        for (size_t i = 0; i < n; i++) {
            write_mutation(&arena, write, random_mutation(&seed));
        }
        bool meets = false;
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < i; j++) {
                struct key_span a = span_of(write->mutations[i]);
                struct key_span b = span_of(write->mutations[j]);
                meets = meets || share_a_key(&a, &b);
            }
        }
        const char *message = "";
        if ((validate_write(write, &arena, &message) != STATED_OK) != meets) {
            fail_msg("seed %u: meets %d, \"%s\"", start, meets, message);
        }
        met += meets;
    }
    assert_in_range(met, 500, 4500); /* both outcomes were tried */
}

static void test_a_full_arena_is_told(void **state)
{
    (void)state;
    Stated__V1__WriteRequest *write =
        write_of_two(mutation_put(&arena, "a", ""), mutation_put(&arena, "b", ""));
    struct arena small;
    arena_init(&small, 16);
    const char *message = "";
    assert_int_equal(validate_write(write, &small, &message), STATED_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(message, "used up its memory"));
    arena_deinit(&small);
}

static void test_a_watch_has_one_selector(void **state)
{
    (void)state;
    Stated__V1__WatchRequest watch = STATED__V1__WATCH_REQUEST__INIT;
    const char *message = "";
    assert_int_equal(validate_watch(&watch, &arena, &message), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(message, "has no selector"));
    watch.select = select_prefix(&arena, "");
    assert_int_equal(validate_watch(&watch, &arena, &message), STATED_OK);
}

static void test_only_a_few_named_keys_are_light(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_new(&arena);
    for (int i = 0; i < VALIDATE_MAX_LIGHT_SELECTORS; i++) {
        read_select(&arena, read, select_key(&arena, "k"));
        assert_true(validate_read_is_light(read));
    }
    read_select(&arena, read, select_key(&arena, "k"));
    assert_false(validate_read_is_light(read));
    assert_false(validate_read_is_light(read_of(select_prefix(&arena, "p"))));
    assert_false(validate_read_is_light(read_of(select_range(&arena, "a", "b"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_read_selects_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_key_has_1_to_480_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds_of_a_selection_are_in_order_and_within_length,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bad_selector_is_named_by_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_after_continues_one_prefix_or_range, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_unknown_consistency_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_request_has_a_bounded_number_of_parts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_guard_has_a_key_and_a_condition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mutation_does_something_to_a_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_write_touches_a_key_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_deletes_do_not_overlap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_random_writes_are_refused_exactly_when_two_mutations_meet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_arena_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_watch_has_one_selector, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_a_few_named_keys_are_light, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
