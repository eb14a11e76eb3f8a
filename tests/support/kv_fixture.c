#include "kv_fixture.h"

#include "test.h"

struct served served;
struct stated_client *client;
struct stated_status status;

int kv_fixture_set_up(void **state)
{
    (void)state;
    served_start(&served);
    client = served_client(&served);
    return 0;
}

int kv_fixture_tear_down(void **state)
{
    (void)state;
    stated_client_close(client);
    served_stop(&served);
    return 0;
}

void kv_fixture_put(const char *key, const char *value)
{
    assert_int_equal(
        stated_kv_put(client, stated_text(key), stated_text(value), NULL, NULL, &status),
        STATED_OK);
}
