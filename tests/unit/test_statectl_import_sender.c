/* Are batches counted, logged, retried and given up as the answers come, and does no older value of
   a key overtake a newer one? */
#include "statectl/import_sender.h"

#include "hand_client.h"
#include "statectl/errors.h"

#include "test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 3, BATCH = 4, LIMIT = 8192 };

struct fixture {
    struct ctl ctl;
    struct import_sender sender;
    FILE *ack_log;
};

static void open_sender(struct fixture *self, uint64_t limit)
{
    hand_reset(limit, 0);
    self->ctl = (struct ctl){.endpoint = "ipc:///nowhere", .timeout_ms = 60000};
    self->ack_log = tmpfile();
    assert_non_null(self->ack_log);
    assert_int_equal(import_sender_open(&self->sender, &self->ctl, CLIENTS, BATCH, self->ack_log),
                     EXIT_DONE);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) {
        return 1;
    }
    open_sender(fixture, LIMIT);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    import_sender_close(&fixture->sender);
    fclose(fixture->ack_log);
    free(fixture);
    unsigned left = hand_clients();
    hand_reset(0, 0);
    return left == 0 ? 0 : 1;
}

/* A batch with these keys, one letter each, taken and filled. */
static struct import_batch *fill(struct fixture *self, const char *keys, uint64_t line)
{
    struct import_batch *batch = import_sender_take(&self->sender);
    assert_non_null(batch);
    for (; *keys != '\0'; keys++) {
        uint8_t key = (uint8_t)*keys;
        assert_true(import_batch_add(batch, (ProtobufCBinaryData){.data = &key, .len = 1},
                                     (ProtobufCBinaryData){.data = &key, .len = 1}, line++));
    }
    batch->input_bytes = 100;
    return batch;
}

static void send_keys(struct fixture *self, const char *keys, uint64_t line)
{
    import_sender_send(&self->sender, fill(self, keys, line));
}

static bool is_ready(struct fixture *self)
{
    struct pollfd done = {.fd = self->sender.done_fd, .events = POLLIN};
    return poll(&done, 1, 0) == 1;
}

static void assert_logged(struct fixture *self, const char *expected)
{
    char logged[256] = "";
    rewind(self->ack_log);
    logged[fread(logged, 1, sizeof logged - 1, self->ack_log)] = '\0';
    assert_string_equal(logged, expected);
}

static void test_counts_and_logs_what_was_acknowledged(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "ab", 1);
    send_keys(self, "c", 3);
    assert_int_equal(hand_waiting(), 2);
    assert_int_equal(hand_request(0)->n_mutations, 2);
    assert_int_equal(self->sender.in_flight, 2);
    assert_false(is_ready(self));

    hand_answer(1, STATED_OK, "", 0);
    assert_true(is_ready(self));
    import_sender_collect(&self->sender);
    assert_false(is_ready(self));
    assert_int_equal(self->sender.keys, 1);
    assert_int_equal(self->sender.in_flight, 1);
    assert_logged(self, "\"c\"\n");

    hand_answer(0, STATED_OK, "", 0);
    import_sender_collect(&self->sender);
    assert_int_equal(self->sender.keys, 3);
    assert_int_equal(self->sender.batches_written, 2);
    assert_int_equal(self->sender.input_bytes, 200);
    assert_int_equal(self->sender.in_flight, 0);
    assert_false(import_sender_has_failed(&self->sender));
    assert_logged(self, "\"c\"\n\"a\"\n\"b\"\n");
}

static void test_logs_keys_of_any_bytes(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "\xff\"", 1);
    hand_answer(0, STATED_OK, "", 0);
    import_sender_collect(&self->sender);
    assert_logged(self, "{\"key_base64\":\"/w==\"}\n\"\\\"\"\n");
}

static void test_uses_every_connection(void **state)
{
    struct fixture *self = *state;
    size_t n = 0;
    for (; import_sender_take(&self->sender) != NULL; n++) {
        char keys[] = {(char)('A' + n), '\0'};
        send_keys(self, keys, n + 1);
    }
    assert_int_equal(n % CLIENTS, 0);
    assert_int_equal(hand_waiting(), n);
    assert_int_equal(hand_waiting_clients(), CLIENTS);
    hand_answer(n / 2, STATED_OK, "", 0);
    import_sender_collect(&self->sender);
    assert_non_null(import_sender_take(&self->sender));
    while (hand_waiting() > 0) {
        hand_answer(0, STATED_OK, "", 0);
    }
    import_sender_collect(&self->sender);
    assert_int_equal(self->sender.keys, n);
}

static void test_a_key_waits_for_its_older_value(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "ab", 1);
    struct import_batch *newer = fill(self, "cb", 3);
    assert_true(import_sender_must_wait(&self->sender, newer));
    hand_answer(0, STATED_OK, "", 0);
    assert_true(import_sender_must_wait(&self->sender, newer)); /* not collected yet */
    import_sender_collect(&self->sender);
    assert_false(import_sender_must_wait(&self->sender, newer));
}

static void test_the_first_failure_counts(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "ab", 11);
    send_keys(self, "c", 13);
    send_keys(self, "d", 14);
    hand_answer(0, STATED_INVALID_ARGUMENT, "the key is too long", 0);
    import_sender_collect(&self->sender);
    assert_true(import_sender_has_failed(&self->sender));
    hand_answer(0, STATED_UNAVAILABLE, "gone", 0);
    hand_answer(0, STATED_OK, "", 0);
    import_sender_collect(&self->sender);
    assert_int_equal(self->sender.failure.code, STATED_INVALID_ARGUMENT);
    assert_string_equal(self->sender.failure.message, "the key is too long");
    assert_int_equal(self->sender.failed_first_line, 11);
    assert_int_equal(self->sender.failed_last_line, 12);
    assert_int_equal(self->sender.keys, 1);
    assert_int_equal(self->sender.in_flight, 0);
    assert_logged(self, "\"d\"\n");
}

static void test_a_call_that_does_not_start(void **state)
{
    struct fixture *self = *state;
    hand_refuse_to_start(STATED_RESOURCE_EXHAUSTED);
    send_keys(self, "a", 1);
    assert_true(is_ready(self));
    import_sender_collect(&self->sender);
    assert_true(import_sender_has_failed(&self->sender));
    assert_int_equal(self->sender.in_flight, 0);
}

/* Collects until a batch was sent again. */
static void await_retry(struct fixture *self)
{
    for (int i = 0; i < 1000 && hand_waiting() == 0; i++) {
        poll(NULL, 0, import_sender_wait_ms(&self->sender));
        import_sender_collect(&self->sender);
    }
    assert_int_equal(hand_waiting(), 1);
}

static void test_sends_again_what_had_no_room(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "a", 1);
    for (int i = 0; i < 3; i++) {
        hand_answer(0, STATED_RESOURCE_EXHAUSTED, "the queue is full", 2);
        import_sender_collect(&self->sender);
        assert_int_equal(self->sender.in_flight, 1);
        assert_false(import_sender_has_failed(&self->sender));
        assert_true(import_sender_must_wait(&self->sender, fill(self, "a", 2)));
        import_batch_clear(import_sender_take(&self->sender));
        await_retry(self);
    }
    hand_answer(0, STATED_OK, "", 0);
    import_sender_collect(&self->sender);
    assert_int_equal(self->sender.keys, 1);
    assert_int_equal(self->sender.retries, 3);
    assert_int_equal(import_sender_wait_ms(&self->sender), -1);
}

static void test_gives_up_in_the_end(void **state)
{
    struct fixture *self = *state;
    self->ctl.timeout_ms = 1;
    send_keys(self, "a", 1);
    for (int i = 0; i < 1000 && !import_sender_has_failed(&self->sender); i++) {
        if (hand_waiting() > 0) {
            hand_answer(0, STATED_RESOURCE_EXHAUSTED, "the queue is full", 1);
        }
        import_sender_collect(&self->sender);
        poll(NULL, 0, 1);
    }
    assert_int_equal(self->sender.failure.code, STATED_RESOURCE_EXHAUSTED);
    assert_int_equal(self->sender.in_flight, 0);
}

static void test_does_not_send_again_without_advice(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "a", 1);
    hand_answer(0, STATED_RESOURCE_EXHAUSTED, "the disk is full", 0);
    import_sender_collect(&self->sender);
    assert_true(import_sender_has_failed(&self->sender));
}

static void test_a_stop_sends_nothing_again(void **state)
{
    struct fixture *self = *state;
    send_keys(self, "a", 1);
    send_keys(self, "b", 2);
    hand_answer(0, STATED_RESOURCE_EXHAUSTED, "the queue is full", 60000);
    import_sender_collect(&self->sender);
    assert_int_equal(self->sender.in_flight, 2);
    import_sender_stop(&self->sender);
    assert_int_equal(self->sender.in_flight, 1);
    hand_answer(0, STATED_RESOURCE_EXHAUSTED, "the queue is full", 60000);
    import_sender_collect(&self->sender);
    assert_int_equal(self->sender.in_flight, 0);
    assert_int_equal(import_sender_wait_ms(&self->sender), -1);
}

static void test_batches_are_a_part_of_the_servers_limit(void **state)
{
    struct fixture *self = *state;
    assert_int_equal(self->sender.message_limit, LIMIT);
    assert_true(import_sender_take(&self->sender)->most_bytes < LIMIT);
}

static void test_a_server_that_does_not_say_its_limit(void **state)
{
    (void)state;
    struct fixture self;
    open_sender(&self, 0);
    assert_int_equal(self.sender.message_limit, 1 << 20);
    import_sender_close(&self.sender);
    fclose(self.ack_log);
}

static void test_a_connection_that_cannot_be_opened(void **state)
{
    (void)state;
    struct import_sender sender;
    struct ctl ctl = {.endpoint = "ipc:///nowhere", .timeout_ms = 1000};
    hand_reset(LIMIT, 2);
    assert_int_equal(import_sender_open(&sender, &ctl, CLIENTS, BATCH, NULL),
                     EXIT_CALL + STATED_UNAVAILABLE);
    assert_int_equal(hand_clients(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_and_logs_what_was_acknowledged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_logs_keys_of_any_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uses_every_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_waits_for_its_older_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_failure_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_call_that_does_not_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sends_again_what_had_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gives_up_in_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_does_not_send_again_without_advice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stop_sends_nothing_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches_are_a_part_of_the_servers_limit, setup,
                                        teardown),
        cmocka_unit_test(test_a_server_that_does_not_say_its_limit),
        cmocka_unit_test(test_a_connection_that_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
