/* NNG's addresses as text, as the system's, and whether they can be reached from elsewhere. */
#ifndef STATED_NET_ADDRESS_H
#define STATED_NET_ADDRESS_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Room for any address as text with its NUL; a longer path is cut. */
#define ADDRESS_BYTES 128

/* "127.0.0.1:7420", "[::1]:7420", a socket's path; "unknown" for anything else. Returns out. */
const char *address_format(const nng_sockaddr *address, char out[ADDRESS_BYTES]);

/* Bytes of the system's form of an ipc or tcp address; 0 for anything else. */
socklen_t address_to_system(const nng_sockaddr *address, struct sockaddr_storage *system);

/* True for an address that only this machine reaches. */
bool address_is_local(const nng_sockaddr *address);

#endif
