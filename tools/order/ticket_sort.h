/* Sorts recorded calls by ticket in linear time. */
#ifndef STATED_ORDER_TICKET_SORT_H
#define STATED_ORDER_TICKET_SORT_H

#include <stddef.h>
#include <stdint.h>

struct ticket_entry {
    uint64_t ticket;
    uint32_t call; /* index of the call */
};

/* Sorts by ticket, equal ones in the order they came; `spare` has room for n as well. Returns the
   array that holds the result, which is one of the two. Any thread; memory is the caller's. */
struct ticket_entry *ticket_sort(struct ticket_entry *entries, struct ticket_entry *spare,
                                 size_t n);

#endif
