/* Is the linear-time sort a sort: in order, stable, nothing lost? */
#include "order/ticket_sort.h"

#include "test.h"

static uint64_t random_next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void test_nothing_sorts_to_nothing(void **state)
{
    struct ticket_entry none[1];
    struct ticket_entry spare[1];
    (void)state;
    assert_ptr_equal(ticket_sort(none, spare, 0), none);
}

static void test_sort_is_stable_and_complete(void **state)
{
    enum { N = 1000 };
    static struct ticket_entry entries[N];
    static struct ticket_entry spare[N];
    uint64_t seed = 20240229;
    (void)state;
    for (unsigned bits = 1; bits <= 31; bits++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < N; i++) {
            uint64_t ticket = (random_next(&seed) & ((UINT64_C(1) << bits) - 1)) << (bits % 33);
            entries[i] = (struct ticket_entry){ticket, i};
            sum += ticket;
        }
        const struct ticket_entry *sorted = ticket_sort(entries, spare, N);
        for (uint32_t i = 0; i < N; i++) {
            sum -= sorted[i].ticket;
            if (i > 0 && (sorted[i - 1].ticket > sorted[i].ticket ||
                          (sorted[i - 1].ticket == sorted[i].ticket &&
                           sorted[i - 1].call > sorted[i].call))) {
                fail_msg("seed 20240229, %u bits: entry %u out of order", bits, i);
            }
        }
        assert_int_equal(sum, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_sorts_to_nothing),
        cmocka_unit_test(test_sort_is_stable_and_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
