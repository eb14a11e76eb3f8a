/* Plain SP connections, byte by byte, for tests of the server's side. */
#ifndef STATED_TESTS_RAW_PEER_H
#define STATED_TESTS_RAW_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bound of every wait in these tests. */
#define FIXTURE_WAIT_MS 30000

/* A plain connection that has said nothing yet; -1 when nobody accepts it. */
int raw_open(const char *url);

/* A plain SP connection; the greeting is done. Blocking, with FIXTURE_WAIT_MS as its bound. */
int raw_connect(const char *url);

/* Sends a request over a plain connection. */
void raw_send(int fd, const char *url, uint32_t id, const void *body, size_t length);

/* The same; false when the peer has closed. */
bool raw_try_send(int fd, const char *url, uint32_t id, const void *body, size_t length);

/* Sends the start of a request that announces `length` bytes of body. */
void raw_announce(int fd, const char *url, uint32_t id, size_t length);

/* Reads a reply's body, at most size bytes of it; returns its length, or -1 when the peer closed.
 */
ssize_t raw_receive(int fd, const char *url, void *body, size_t size);

/* Waits until the peer has closed the connection, throwing away what it sends. */
void raw_wait_closed(int fd);

#endif
