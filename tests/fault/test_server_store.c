/* When storage fails while the server stops, and later than its last call: is it told? */
#include "io_faults.h"
#include "server.h"
#include "state/state_service.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <nng/nng.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct store_fixture fixture;
static struct stated_server *server;

static void start(void)
{
    struct stated_server_options options = STATED_SERVER_OPTIONS_INIT;
    struct stated_status status;
    char url[128];
    const char *listen = url;
    fixture_init(&fixture);
    fixture.options.durability = STORE_RELAXED;
    fixture_open(&fixture);
    snprintf(url, sizeof(url), "ipc://%s/sock", fixture.directory);
    options.listen = &listen;
    options.n_listen = 1;
    assert_int_equal(stated_server_new(&options, &server, &status), STATED_OK);
    assert_int_equal(state_service_register(server, fixture.store, &status), STATED_OK);
    assert_int_equal(stated_server_start(server, &status), STATED_OK);
}

/* What the server's end comes to. */
static enum stated_code stop(struct stated_status *status)
{
    stated_server_stop(server);
    enum stated_code code = stated_server_join(server, status);
    stated_server_free(server);
    fixture_close(&fixture);
    io_faults_clear();
    fixture_deinit(&fixture);
    return code;
}

static unsigned long syncs_of_a_commit(void)
{
    io_faults_count(IO_FDATASYNC);
    fixture_put(&fixture, "k", "v");
    unsigned long of_commit = io_faults_seen();
    for (int i = 0; i < 5000 && io_faults_seen() == of_commit; i++) {
        usleep(1000); /* between looks */
    }
    assert_int_equal(io_faults_seen(), of_commit + 1);
    return of_commit;
}

/* No client is there: the test commits in the place of a run. */
static void test_a_last_sync_that_fails_is_told(void **state)
{
    (void)state;
    struct stated_status status;
    start();
    unsigned long of_commit = syncs_of_a_commit();
    io_faults_plan(IO_FDATASYNC, of_commit + 1, EIO, false);
    fixture_put(&fixture, "k", "w");
    assert_int_equal(stop(&status), STATED_DATA_LOSS);
    assert_non_null(strstr(status.message, "syncing "));
}

static void test_what_is_owed_is_synced_when_it_stops(void **state)
{
    (void)state;
    struct stated_status status;
    start();
    unsigned long of_commit = syncs_of_a_commit();
    io_faults_count(IO_FDATASYNC);
    fixture_put(&fixture, "k", "w");
    stated_server_stop(server);
    assert_int_equal(stated_server_join(server, &status), STATED_OK);
    assert_int_equal(io_faults_seen(), of_commit + 1);
    assert_int_equal(stop(&status), STATED_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_last_sync_that_fails_is_told),
        cmocka_unit_test(test_what_is_owed_is_synced_when_it_stops),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nng_fini();
    return failed;
}
