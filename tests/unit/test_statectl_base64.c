/* Is base64 what everybody else writes and reads, and is everything else refused? */
#include "statectl/base64.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static void assert_encodes(const char *plain, const char *expected)
{
    char encoded[64];
    uint8_t decoded[64];
    size_t length = strlen(plain);
    size_t decoded_length = 99;
    assert_int_equal(base64_length(length), strlen(expected));
    base64_encode((const uint8_t *)plain, length, encoded);
    assert_string_equal(encoded, expected);
    assert_true(base64_decode(expected, strlen(expected), decoded, &decoded_length));
    assert_int_equal(decoded_length, length);
    assert_memory_equal(decoded, plain, length);
}

/* RFC 4648, section 10. */
static void test_the_standards_own_examples(void **state)
{
    (void)state;
    assert_encodes("", "");
    assert_encodes("f", "Zg==");
    assert_encodes("fo", "Zm8=");
    assert_encodes("foo", "Zm9v");
    assert_encodes("foob", "Zm9vYg==");
    assert_encodes("fooba", "Zm9vYmE=");
    assert_encodes("foobar", "Zm9vYmFy");
}

static void test_every_byte_in_every_place(void **state)
{
    (void)state;
    uint8_t bytes[259];
    char encoded[400];
    uint8_t decoded[400];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t length = 0; length <= sizeof bytes; length++) {
        size_t decoded_length;
        base64_encode(bytes, length, encoded);
        assert_int_equal(strlen(encoded), base64_length(length));
        assert_true(base64_decode(encoded, strlen(encoded), decoded, &decoded_length));
        assert_int_equal(decoded_length, length);
        assert_memory_equal(decoded, bytes, length);
    }
}

static void test_decodes_in_place(void **state)
{
    (void)state;
    char text[] = "Zm9vYmFy";
    size_t length;
    assert_true(base64_decode(text, strlen(text), (uint8_t *)text, &length));
    assert_int_equal(length, 6);
    assert_memory_equal(text, "foobar", 6);
}

static void test_refuses_what_no_encoder_writes(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Z",        /* too short */
        "Zg",       /* without padding */
        "Zg=",      /* with half of it */
        "Zh==",     /* bits behind the end */
        "Zm9=",     /* as well */
        "Zg==Zg==", /* padding in the middle */
        "====",     /* nothing but padding */
        "Zm 9",     /* a space */
        "Zm9v\n",   /* a line's end */
        "Zm-_",     /* the other alphabet */
        "Zm9\xc3",  /* no ASCII */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t decoded[16];
        size_t length;
        if (base64_decode(wrong[i], strlen(wrong[i]), decoded, &length)) {
            fail_msg("'%s' was taken for base64", wrong[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_standards_own_examples),
        cmocka_unit_test(test_every_byte_in_every_place),
        cmocka_unit_test(test_decodes_in_place),
        cmocka_unit_test(test_refuses_what_no_encoder_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
