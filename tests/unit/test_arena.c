/* Does an arena give aligned, distinct memory up to its cap, and all of it back? */
#include "rpc/arena.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_gives_aligned_memory_that_does_not_overlap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        blocks[i] = arena_alloc(&arena, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal((unsigned char)blocks[i][j], i);
        }
    }
    arena_deinit(&arena);
}

static void test_refuses_what_is_over_the_cap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_null(arena_alloc(&arena, 1001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_copy(&arena, "x", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 900));
    assert_null(arena_alloc(&arena, 200));
    assert_non_null(arena_alloc(&arena, 50));
    assert_true(arena.used_bytes <= 1000);
    arena_deinit(&arena);
}

static void test_a_large_block_gets_a_chunk_of_its_own(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 8 << 20);
    char *small = arena_copy(&arena, "kept", 4);
    char *large = arena_alloc(&arena, 3 << 20);
    assert_non_null(large);
    memset(large, 7, 3 << 20);
    assert_string_equal(small, "kept");
    arena_deinit(&arena);
}

static void test_reset_keeps_one_small_chunk_and_reuses_it(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 8 << 20);
    void *first = arena_alloc(&arena, 100);
    assert_non_null(arena_alloc(&arena, 1 << 20));
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_deinit(&arena);
}

static void test_reset_frees_a_first_chunk_that_is_large(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 8 << 20);
    assert_non_null(arena_alloc(&arena, 1 << 20));
    arena_reset(&arena);
    assert_null(arena.chunks);
    assert_non_null(arena_alloc(&arena, 10));
    arena_deinit(&arena);
}

static void test_reset_of_an_untouched_arena_is_harmless(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    arena_reset(&arena);
    arena_deinit(&arena);
}

static void test_copy_adds_a_nul(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    arena_deinit(&arena);
}

static void test_format_cuts_at_a_character(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 10000);
    char text[400] = "";
    for (size_t i = 0; i < 130; i++) {
        strcat(text, "\xc3\xa9"); /* é: two bytes, so that the limit falls inside one */
    }
    const char *cut = arena_format(&arena, "%s%s", "x", text);
    assert_int_equal(strlen(cut), STATED_MESSAGE_BYTES - 1);
    cut = arena_format(&arena, "%s", text);
    assert_int_equal(strlen(cut), STATED_MESSAGE_BYTES - 2);
    assert_int_equal((unsigned char)cut[strlen(cut) - 1], 0xa9);
    assert_string_equal(arena_format(&arena, "key %d", 7), "key 7");
    arena_deinit(&arena);
}

static void test_format_says_so_when_memory_is_out(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    assert_string_equal(arena_format(&arena, "text"),
                        "out of memory for the message of this error");
    arena_deinit(&arena);
}

static void test_serves_protobuf_as_its_allocator(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    void *block = arena.allocator.alloc(arena.allocator.allocator_data, 60);
    assert_non_null(block);
    arena.allocator.free(arena.allocator.allocator_data, block);
    assert_null(arena.allocator.alloc(arena.allocator.allocator_data, 60));
    arena_deinit(&arena);
}

enum { SHARERS = 4, SHARED_BLOCKS = 2000 };

static void *fill_blocks(void *argument)
{
    struct arena *arena = argument;
    char *blocks[SHARED_BLOCKS];
    for (size_t i = 0; i < SHARED_BLOCKS; i++) {
        blocks[i] = arena_alloc(arena, 40);
        memset(blocks[i], (int)(i & 0x7f), 40);
    }
    for (size_t i = 0; i < SHARED_BLOCKS; i++) {
        for (size_t j = 0; j < 40; j++) {
            if (blocks[i][j] != (char)(i & 0x7f)) {
                return arena;
            }
        }
    }
    return NULL;
}

static void test_shared_it_serves_several_threads(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 8 << 20);
    arena_share(&arena);
    pthread_t threads[SHARERS];
    for (size_t i = 0; i < SHARERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, fill_blocks, &arena), 0);
    }
    for (size_t i = 0; i < SHARERS; i++) {
        void *spoiled;
        pthread_join(threads[i], &spoiled);
        assert_null(spoiled);
    }
    assert_int_equal(arena.used_bytes, SHARERS * SHARED_BLOCKS * 48);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(test_refuses_what_is_over_the_cap),
        cmocka_unit_test(test_a_large_block_gets_a_chunk_of_its_own),
        cmocka_unit_test(test_reset_keeps_one_small_chunk_and_reuses_it),
        cmocka_unit_test(test_reset_frees_a_first_chunk_that_is_large),
        cmocka_unit_test(test_reset_of_an_untouched_arena_is_harmless),
        cmocka_unit_test(test_copy_adds_a_nul),
        cmocka_unit_test(test_format_cuts_at_a_character),
        cmocka_unit_test(test_format_says_so_when_memory_is_out),
        cmocka_unit_test(test_serves_protobuf_as_its_allocator),
        cmocka_unit_test(test_shared_it_serves_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
