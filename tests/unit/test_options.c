/* Does each option come from the strongest source that gives it, and is a wrong one named? */
#include "option_values.h"
#include "options.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void assert_number(const char *text, enum option_unit unit, uint64_t expected)
{
    uint64_t number = 0;
    assert_true(option_parse_number(text, unit, &number));
    assert_true(number == expected);
}

static void test_numbers_have_units(void **state)
{
    (void)state;
    assert_number("0", OPTION_COUNT, 0);
    assert_number("4k", OPTION_COUNT, 4096);
    assert_number("1M", OPTION_BYTES, 1 << 20);
    assert_number("16g", OPTION_BYTES, UINT64_C(16) << 30);
    assert_number("500", OPTION_MILLISECONDS, 500);
    assert_number("500ms", OPTION_MILLISECONDS, 500);
    assert_number("5s", OPTION_MILLISECONDS, 5000);
    assert_number("2m", OPTION_MILLISECONDS, 120000);
    assert_number("18446744073709551615", OPTION_COUNT, UINT64_MAX);
}

static void test_what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1x",
                                        "k",
                                        "1.5",
                                        "0x10",
                                        "1kb",
                                        "1 k",
                                        "18446744073709551616",
                                        "17179869184g",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t number;
        if (option_parse_number(wrong[i], OPTION_BYTES, &number)) {
            fail_msg("\"%s\" was taken for a number", wrong[i]);
        }
    }
}

/* argp wants words that it may change. */
static bool read_words(struct options *options, const char *const *words)
{
    static char copies[8][128];
    char *argv[9] = {NULL};
    int count = 0;
    for (; words[count] != NULL; count++) {
        assert_true(count < 8 && strlen(words[count]) < sizeof(copies[0]));
        strcpy(copies[count], words[count]);
        argv[count] = copies[count];
    }
    return options_read(options, count, argv);
}

#define READ(options, ...) read_words((options), (const char *const[]){"stated", __VA_ARGS__ NULL})

/* Makes a config file and names it in the environment. */
static void write_config_bytes(const char *text, size_t length, char path[32])
{
    strcpy(path, "/tmp/stated-options-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, length), (ssize_t)length);
    close(file);
    setenv("STATED_CONFIG", path, 1);
}

static void write_config(const char *text, char path[32])
{
    write_config_bytes(text, strlen(text), path);
}

static int clear_environment(void **state)
{
    (void)state;
    unsetenv("STATED_CONFIG");
    unsetenv("STATED_WORKERS");
    unsetenv("STATED_LISTEN");
    unsetenv("STATED_DURABILITY");
    return 0;
}

static void test_defaults_are_usable(void **state)
{
    (void)state;
    struct options options;
    assert_true(READ(&options, ));
    assert_int_equal(options.server.n_listen, 1);
    assert_memory_equal(options.server.listen[0], "ipc://", 6);
    assert_int_equal(options.server.workers, 4);
    assert_int_equal(options.server.max_message_bytes, 1 << 20);
    assert_int_equal(options.store.durability, STORE_SYNC);
    assert_int_equal(options.store.directory[0], '/');
    assert_true(options.server.inline_light_reads);
    assert_int_equal(options.store.size_limit_bytes, UINT64_C(16) << 30);
    assert_int_equal(options.store.max_changes, 100000);
    assert_int_equal(options.store.max_change_bytes, 256 << 20);
    assert_int_equal(options.store.max_clients, 10000);
    assert_int_equal(options.store.max_client_answers, 1024);
    options_deinit(&options);
}

static void test_the_queue_has_room_for_the_largest_message(void **state)
{
    (void)state;
    struct options options;
    assert_true(READ(&options, "--max-message=4k", ));
    assert_int_equal(options.server.max_queued_bytes, 64 << 20);
    options_deinit(&options);
    assert_true(READ(&options, "--max-message=128m", ));
    assert_int_equal(options.server.max_queued_bytes, 128 << 20);
    options_deinit(&options);
}

static void test_flag_beats_environment_beats_file_beats_default(void **state)
{
    (void)state;
    char path[32];
    struct options options;
    write_config("# ours\nworkers = 8\nmax-queue = 100\ndefault-timeout = 3s\n", path);
    setenv("STATED_WORKERS", "16", 1);
    assert_true(READ(&options, "--workers=32", ));
    assert_int_equal(options.server.workers, 32);
    assert_int_equal(options.server.max_queued_calls, 100);
    assert_int_equal(options.server.default_timeout_ms, 3000);
    options_deinit(&options);
    assert_true(READ(&options, ));
    assert_int_equal(options.server.workers, 16);
    options_deinit(&options);
    unsetenv("STATED_WORKERS");
    assert_true(READ(&options, ));
    assert_int_equal(options.server.workers, 8);
    options_deinit(&options);
    unlink(path);
}

static void test_what_is_stored_has_bounds(void **state)
{
    (void)state;
    char path[32];
    struct options options;
    write_config("retention-revisions = 7\nretention-bytes = 1m\n", path);
    assert_true(READ(&options, "--size-limit=4m", "--remember-clients=3", "--remember-writes=2", ));
    assert_int_equal(options.store.size_limit_bytes, 4 << 20);
    assert_int_equal(options.store.max_changes, 7);
    assert_int_equal(options.store.max_change_bytes, 1 << 20);
    assert_int_equal(options.store.max_clients, 3);
    assert_int_equal(options.store.max_client_answers, 2);
    options_deinit(&options);
    unlink(path);
    unsetenv("STATED_CONFIG");
    /* The default gives way to a small size limit. */
    assert_true(READ(&options, "--size-limit=1m", ));
    options_deinit(&options);
}

static void test_endpoints_come_whole_from_one_source(void **state)
{
    (void)state;
    char path[32];
    struct options options;
    write_config("listen = tcp://127.0.0.1:1\nlisten = tcp://127.0.0.1:2\n", path);
    assert_true(READ(&options, ));
    assert_int_equal(options.server.n_listen, 2);
    assert_string_equal(options.server.listen[1], "tcp://127.0.0.1:2");
    options_deinit(&options);
    setenv("STATED_LISTEN", "ipc:///a,ipc:///b,ipc:///c", 1);
    assert_true(READ(&options, ));
    assert_int_equal(options.server.n_listen, 3);
    assert_string_equal(options.server.listen[2], "ipc:///c");
    options_deinit(&options);
    assert_true(READ(&options, "--listen", "ipc:///x", ));
    assert_int_equal(options.server.n_listen, 1);
    assert_string_equal(options.server.listen[0], "ipc:///x");
    options_deinit(&options);
    unlink(path);
}

static void test_the_last_of_a_flag_given_twice_counts(void **state)
{
    (void)state;
    struct options options;
    assert_true(READ(&options, "--workers=3", "--workers=5", ));
    assert_int_equal(options.server.workers, 5);
    options_deinit(&options);
}

/* Runs options_read with standard error in a file; gives what it said. */
static void assert_complains(const char *expected, const char *const *words)
{
    struct options options;
    fflush(stderr);
    FILE *said = tmpfile();
    int real = dup(STDERR_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    bool read = read_words(&options, words);
    fflush(stderr);
    dup2(real, STDERR_FILENO);
    close(real);
    char text[600] = "";
    rewind(said);
    (void)!fread(text, 1, sizeof(text) - 1, said);
    fclose(said);
    assert_false(read);
    if (strstr(text, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, text);
    }
}

#define COMPLAINS(expected, ...)                                                                   \
    assert_complains((expected), (const char *const[]){"stated", __VA_ARGS__ NULL})

static void test_a_wrong_value_is_named_with_its_source(void **state)
{
    (void)state;
    char path[32];
    COMPLAINS("--workers is \"1\"; it has to be a number from 2 to 256", "--workers=1", );
    COMPLAINS("--durability is \"never\"; it has to be sync, relaxed or ephemeral",
              "--durability=never", );
    COMPLAINS("--log-level is \"loud\"", "--log-level=loud", );
    COMPLAINS("--log-format is \"xml\"", "--log-format=xml", );
    COMPLAINS("--inline-reads is \"maybe\"", "--inline-reads=maybe", );
    COMPLAINS("--data-dir is empty", "--data-dir=", );
    COMPLAINS("--retention-revisions is \"0\"; it has to be a number from 1 to",
              "--retention-revisions=0", );
    COMPLAINS("--retention-bytes is \"2m\"; it has to be at most a quarter of the size limit, "
              "1048576 bytes",
              "--size-limit=4m", "--retention-bytes=2m", );
    COMPLAINS("cannot read the config file /nowhere/at/all: No such file",
              "--config=/nowhere/at/all", );
    setenv("STATED_DURABILITY", "x", 1);
    COMPLAINS("STATED_DURABILITY is \"x\"", );
    unsetenv("STATED_DURABILITY");
    write_config("workers = 8\n\nworkerz = 9\n", path);
    COMPLAINS("line 3: \"workerz\" is no option", );
    unlink(path);
    write_config("max-queue = 9\nworkers = nine\n", path);
    char bad_value[80];
    snprintf(bad_value, sizeof(bad_value), "workers in %s is \"nine\"; it has to be", path);
    COMPLAINS(bad_value, );
    unlink(path);
    write_config("[server]\nworkers = 8\n", path);
    COMPLAINS("the section [server] is unknown", );
    unlink(path);
    write_config("workers 8\n", path);
    COMPLAINS("line 1: not of the form \"name = value\"", );
    unlink(path);
    write_config("workers = 8\nmax-queue = 9\nworkers = 9\n", path);
    COMPLAINS("line 3: workers is given twice", );
    unlink(path);
}

/* No line is cut, or joined to the one before it, without a word. */
static void test_lines_of_a_config_file_are_whole(void **state)
{
    (void)state;
    static const char with_nul[] = "workers = 8\nmax-queue = 1\0"
                                   "00\nretention-revisions = 7\n";
    char path[32];
    char text[1024];
    struct options options;
    write_config_bytes(with_nul, sizeof(with_nul) - 1, path);
    COMPLAINS("line 2: it has a NUL byte", );
    unlink(path);
    snprintf(text, sizeof(text), "workers = 8\ndata-dir = /%0200d\n", 1);
    write_config(text, path);
    COMPLAINS("line 2: it is longer than the 199 bytes", );
    unlink(path);
    /* What would begin the next line, were the comment cut, is no option. */
    snprintf(text, sizeof(text), "workers = 8\n  # %0195d\n#%0198dmax-queue = x\n  max-queue = 9",
             1, 1);
    write_config(text, path);
    assert_true(READ(&options, "--max-parked-per-connection=7", ));
    assert_int_equal(options.server.workers, 8);
    assert_int_equal(options.server.max_queued_calls, 9);
    assert_int_equal(options.server.max_parked_calls_per_connection, 7);
    options_deinit(&options);
    /* The longest line. */
    snprintf(text, sizeof(text), "data-dir = /%0187d", 1);
    assert_int_equal(strlen(text), 199);
    unlink(path);
    write_config(text, path);
    assert_true(READ(&options, ));
    assert_string_equal(options.data_dir, text + strlen("data-dir = "));
    options_deinit(&options);
    unlink(path);
}

#define CASE(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_numbers_have_units),
        CASE(test_what_is_no_number_is_refused),
        CASE(test_defaults_are_usable),
        CASE(test_the_queue_has_room_for_the_largest_message),
        CASE(test_flag_beats_environment_beats_file_beats_default),
        CASE(test_what_is_stored_has_bounds),
        CASE(test_endpoints_come_whole_from_one_source),
        CASE(test_lines_of_a_config_file_are_whole),
        CASE(test_the_last_of_a_flag_given_twice_counts),
        CASE(test_a_wrong_value_is_named_with_its_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
