/* Events of the change log on standard output, in every format. */
#ifndef STATED_STATECTL_EVENT_PRINT_H
#define STATED_STATECTL_EVENT_PRINT_H

#include "statectl/output.h"
#include "statectl/table.h"

#include "stated/v1/state.pb-c.h"

#include <jansson.h>
#include <stddef.h>

struct event_print {
    enum output_format format;
    struct table table;
    size_t columns; /* of the terminal; 0 = as many as needed */
    json_t *list;   /* for whoever wants one document: events go here, not to the output */
};

/* Lines as they come; format is none that is chosen later (output_choose). */
void event_print_init(struct event_print *self, enum output_format format);

/* Prints one event, or appends it to the list. With raw a line is "put" or "delete", the revision,
   the key and, of a put, the value, with tabs in between. */
void event_print(struct event_print *self, const Stated__V1__Event *event);

/* Frees it; the list is the caller's. */
void event_print_deinit(struct event_print *self);

/* "put" or "delete". Static. */
const char *event_type(const Stated__V1__Event *event);

#endif
