/* Is there one job at a time, does it end when nobody asks about it, and is nothing left behind?
   The store is a fake whose operations wait until the test lets them go on. */
#include "state/job.h"

#include "base/clock.h"
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOREVER_MS = 600000, BOUND_MS = 20000 };

/* An operation goes on for as long as the gate is closed. */
struct fake {
    struct store store;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_open;
    bool is_deaf; /* and it does not ask whether it is to go on */
    bool stopped; /* the last operation was told to stop */
    unsigned runs;
    enum stated_code code; /* that operations come to */
    char directory[64];
};

static struct fake fake;
static struct job_runner *runner;

static void read_status(struct store *store, struct store_status *status)
{
    struct fake *self = (struct fake *)store;
    *status = (struct store_status){.directory = self->directory, .live_bytes = 4096};
}

static enum stated_code operate(const struct store_task *task, struct store_contents *contents,
                                struct stated_status *status)
{
    bool goes_on = true;
    pthread_mutex_lock(&fake.mutex);
    fake.runs++;
    fake.stopped = false;
    pthread_cond_broadcast(&fake.changed);
    while (fake.is_deaf) {
        pthread_cond_wait(&fake.changed, &fake.mutex);
    }
    while (!fake.is_open && goes_on) {
        pthread_mutex_unlock(&fake.mutex);
        goes_on = task->go_on(task->argument, 420);
        pthread_mutex_lock(&fake.mutex);
    }
    fake.stopped = !goes_on;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.mutex);
    *contents = (struct store_contents){.revision = 7, .keys = 3, .file_bytes = 5};
    enum stated_code code = goes_on ? fake.code : STATED_CANCELLED;
    return stated_status_set(status, code, "%s", code == STATED_OK ? "" : "for a reason");
}

static enum stated_code snapshot(struct store *store, const char *path,
                                 const struct store_task *task, struct store_contents *contents,
                                 struct stated_status *status)
{
    (void)store;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "bytes", 5), 5);
    close(fd);
    enum stated_code code = operate(task, contents, status);
    if (code != STATED_OK) {
        unlink(path);
    }
    return code;
}

static enum stated_code check(struct store *store, const struct store_task *task,
                              struct store_contents *contents, struct stated_status *status)
{
    (void)store;
    return operate(task, contents, status);
}

static const struct store_ops operations = {.capabilities = STORE_CAN_SNAPSHOT,
                                            .read_status = read_status,
                                            .snapshot = snapshot,
                                            .check = check};
static const struct store_ops no_operations = {.read_status = read_status};

static const char *temporary(void)
{
    static char path[96];
    snprintf(path, sizeof(path), "%s/snapshot.tmp", fake.directory);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    fake = (struct fake){.store = {.ops = &operations}, .code = STATED_OK};
    pthread_mutex_init(&fake.mutex, NULL);
    pthread_cond_init(&fake.changed, NULL);
    strcpy(fake.directory, "/tmp/stated-job-XXXXXX");
    assert_non_null(mkdtemp(fake.directory));
    assert_int_equal(job_runner_new(&fake.store, &runner), STATED_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    job_runner_free(runner);
    assert_int_equal(access(temporary(), F_OK), -1);
    assert_int_equal(rmdir(fake.directory), 0);
    pthread_cond_destroy(&fake.changed);
    pthread_mutex_destroy(&fake.mutex);
    return 0;
}

static void open_gate(bool is_open)
{
    pthread_mutex_lock(&fake.mutex);
    fake.is_open = is_open;
    pthread_mutex_unlock(&fake.mutex);
}

static void make_deaf(bool is_deaf)
{
    pthread_mutex_lock(&fake.mutex);
    fake.is_deaf = is_deaf;
    pthread_cond_broadcast(&fake.changed);
    pthread_mutex_unlock(&fake.mutex);
}

static void wait_for_runs(unsigned runs)
{
    pthread_mutex_lock(&fake.mutex);
    while (fake.runs < runs) {
        pthread_cond_wait(&fake.changed, &fake.mutex);
    }
    pthread_mutex_unlock(&fake.mutex);
}

static void wait_until_stopped(void)
{
    pthread_mutex_lock(&fake.mutex);
    while (!fake.stopped) {
        pthread_cond_wait(&fake.changed, &fake.mutex);
    }
    pthread_mutex_unlock(&fake.mutex);
}

static struct job_view start(enum job_kind kind, uint64_t id, uint32_t keep_ms)
{
    struct job_view view;
    struct stated_status status;
    if (job_start(runner, kind, id, keep_ms, &view, &status) != STATED_OK) {
        fail_msg("%s", status.message);
    }
    return view;
}

/* Asks about it until it is as expected. */
static struct job_view wait_for(uint64_t id, enum job_state state)
{
    struct job_view view;
    struct stated_status status;
    uint64_t until_ns = clock_now_ns() + BOUND_MS * CLOCK_NS_PER_MS;
    do {
        if (job_look(runner, id, &view, &status) != STATED_OK) {
            fail_msg("%s", status.message);
        }
        assert_true(clock_now_ns() < until_ns);
    } while (view.state != state);
    return view;
}

static void assert_unknown(uint64_t id)
{
    struct job_view view;
    struct stated_status status;
    assert_int_equal(job_look(runner, id, &view, &status), STATED_NOT_FOUND);
    assert_non_null(strstr(status.message, "there is no job"));
}

static void test_a_snapshot_is_made_read_and_ended(void **state)
{
    (void)state;
    struct job_view view = start(JOB_SNAPSHOT, 5, FOREVER_MS);
    struct stated_status status;
    char bytes[8];
    size_t n;
    assert_int_equal(view.state, JOB_RUNNING);
    wait_for_runs(1);
    assert_int_equal(access(temporary(), F_OK), 0);
    assert_int_equal(job_read(runner, 5, 0, bytes, sizeof(bytes), &n, &status),
                     STATED_FAILED_PRECONDITION);
    while (wait_for(5, JOB_RUNNING).permille != 420) {
    }
    open_gate(true);
    view = wait_for(5, JOB_DONE);
    assert_int_equal(view.permille, 1000);
    assert_int_equal(view.contents.revision, 7);
    assert_int_equal(access(temporary(), F_OK), -1); /* nothing to be left behind */
    assert_int_equal(job_read(runner, 5, 1, bytes, 3, &n, &status), STATED_OK);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, "yte", 3);
    assert_int_equal(job_read(runner, 5, 3, bytes, sizeof(bytes), &n, &status), STATED_OK);
    assert_int_equal(n, 2);
    assert_int_equal(job_read(runner, 5, 5, bytes, 1, &n, &status), STATED_OUT_OF_RANGE);
    assert_int_equal(job_read(runner, 5, UINT64_MAX, bytes, 1, &n, &status), STATED_OUT_OF_RANGE);
    assert_int_equal(job_read(runner, 6, 0, bytes, 1, &n, &status), STATED_NOT_FOUND);
    job_end(runner, 6); /* someone else's */
    wait_for(5, JOB_DONE);
    job_end(runner, 5);
    assert_unknown(5);
    assert_int_equal(job_read(runner, 5, 0, bytes, 1, &n, &status), STATED_NOT_FOUND);
    job_end(runner, 5);
}

static void test_there_is_one_job_at_a_time(void **state)
{
    (void)state;
    struct job_view view;
    struct stated_status status;
    start(JOB_CHECK, 1, FOREVER_MS);
    assert_int_equal(job_start(runner, JOB_SNAPSHOT, 2, FOREVER_MS, &view, &status),
                     STATED_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(status.message, "a check is under way"));
    /* The same one again is the same one: its answer may have been lost. */
    assert_int_equal(start(JOB_CHECK, 1, FOREVER_MS).id, 1);
    assert_int_equal(job_start(runner, JOB_SNAPSHOT, 1, FOREVER_MS, &view, &status),
                     STATED_RESOURCE_EXHAUSTED);
    wait_for_runs(1);
    job_end(runner, 1);
    /* The next one waits for the end of that one by itself. */
    start(JOB_CHECK, 3, FOREVER_MS);
    wait_for_runs(2);
    open_gate(true);
    wait_for(3, JOB_DONE);
    assert_int_equal(fake.runs, 2);
}

static void test_a_job_that_is_ended_stops(void **state)
{
    (void)state;
    start(JOB_SNAPSHOT, 1, FOREVER_MS);
    wait_for_runs(1);
    job_end(runner, 1);
    assert_unknown(1);
    wait_until_stopped();
}

static void test_a_job_that_is_ended_before_it_begins_never_does(void **state)
{
    (void)state;
    make_deaf(true);
    start(JOB_CHECK, 1, FOREVER_MS);
    wait_for_runs(1);
    job_end(runner, 1);
    for (uint64_t id = 2; id < 100; id++) {
        start(JOB_CHECK, id, FOREVER_MS);
        job_end(runner, id); /* the thread is still at the first one; a leak is the sanitizer's */
        assert_unknown(id);
    }
    start(JOB_CHECK, 100, FOREVER_MS);
    open_gate(true);
    make_deaf(false);
    wait_for(100, JOB_DONE);
    assert_int_equal(fake.runs, 2);
}

static void test_a_job_that_nobody_asks_about_stops(void **state)
{
    (void)state;
    start(JOB_SNAPSHOT, 1, 1);
    wait_until_stopped();
    assert_unknown(1);
    /* Also one that is done. */
    open_gate(true);
    start(JOB_SNAPSHOT, 2, 1);
    struct job_view view;
    struct stated_status status;
    uint64_t until_ns = clock_now_ns() + BOUND_MS * CLOCK_NS_PER_MS;
    while (job_start(runner, JOB_SNAPSHOT, 3, 1, &view, &status) != STATED_OK) {
        assert_true(clock_now_ns() < until_ns);
    }
    assert_unknown(2);
}

static void test_a_finding_is_told(void **state)
{
    (void)state;
    fake.code = STATED_DATA_LOSS;
    open_gate(true);
    start(JOB_CHECK, 1, FOREVER_MS);
    struct job_view view = wait_for(1, JOB_FAILED);
    assert_int_equal(view.failure.code, STATED_DATA_LOSS);
    assert_string_equal(view.failure.message, "for a reason");
    assert_int_equal(view.permille, 0);
}

static void test_a_stop_ends_the_job_and_refuses_others(void **state)
{
    (void)state;
    struct job_view view;
    struct stated_status status;
    start(JOB_CHECK, 1, FOREVER_MS);
    wait_for_runs(1);
    job_runner_stop(runner);
    wait_until_stopped();
    assert_int_equal(job_start(runner, JOB_CHECK, 2, FOREVER_MS, &view, &status),
                     STATED_UNAVAILABLE);
    /* The rest is tear_down's: the thread ends. */
}

static void test_what_a_crash_left_is_removed(void **state)
{
    (void)state;
    job_runner_free(runner);
    int fd = open(temporary(), O_WRONLY | O_CREAT, 0600);
    close(fd);
    assert_int_equal(access(temporary(), F_OK), 0);
    assert_int_equal(job_runner_new(&fake.store, &runner), STATED_OK);
    assert_int_equal(access(temporary(), F_OK), -1);
}

static void test_a_store_that_can_do_nothing_says_so(void **state)
{
    (void)state;
    struct job_view view;
    struct stated_status status;
    size_t n;
    job_runner_free(runner);
    fake.store.ops = &no_operations;
    assert_int_equal(job_runner_new(&fake.store, &runner), STATED_OK);
    assert_int_equal(job_start(runner, JOB_CHECK, 2, FOREVER_MS, &view, &status),
                     STATED_UNIMPLEMENTED);
    assert_unknown(2);
    assert_int_equal(job_start(NULL, JOB_CHECK, 2, FOREVER_MS, &view, &status),
                     STATED_UNIMPLEMENTED);
    assert_int_equal(job_look(NULL, 2, &view, &status), STATED_NOT_FOUND);
    assert_int_equal(job_read(NULL, 2, 0, &view, 1, &n, &status), STATED_NOT_FOUND);
    job_end(NULL, 2);
    job_runner_stop(NULL);
    job_runner_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_snapshot_is_made_read_and_ended),
        TEST(test_there_is_one_job_at_a_time),
        TEST(test_a_job_that_is_ended_stops),
        TEST(test_a_job_that_is_ended_before_it_begins_never_does),
        TEST(test_a_job_that_nobody_asks_about_stops),
        TEST(test_a_finding_is_told),
        TEST(test_a_stop_ends_the_job_and_refuses_others),
        TEST(test_what_a_crash_left_is_removed),
        TEST(test_a_store_that_can_do_nothing_says_so),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
