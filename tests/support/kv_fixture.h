/* What tests of the kv layer on one thread share: a real server, a client of it, and a short put.
 */
#ifndef STATED_TESTS_KV_FIXTURE_H
#define STATED_TESTS_KV_FIXTURE_H

#include "served.h"

#include "stated/kv.h"

/* For a group of tests; from kv_fixture_set_up to kv_fixture_tear_down. */
extern struct served served;
extern struct stated_client *client;

/* Of the last call that was given it. */
extern struct stated_status status;

/* Starts the server and opens the client; a group's set-up. */
int kv_fixture_set_up(void **state);

/* Closes the client and removes the server; a group's tear-down. */
int kv_fixture_tear_down(void **state);

/* Sets a key, and fails the test when that fails. */
void kv_fixture_put(const char *key, const char *value);

#endif
