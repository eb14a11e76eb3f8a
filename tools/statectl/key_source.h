/* Keys for completion: asked of the server, few and soon, or none. */
#ifndef STATED_STATECTL_KEY_SOURCE_H
#define STATED_STATECTL_KEY_SOURCE_H

#include "statectl/complete.h"
#include "statectl/ctl.h"

/* A connection that is made when keys are first asked for, and kept. */
struct key_source {
    const struct ctl *ctl; /* of the endpoint and --base64 */
    struct stated_client *client;
};

/* Adds the first keys with this prefix (complete_keys.list; argument is a struct key_source): at
   most 200 of the newest committed state, within half a second; none when the server does not
   answer. Main thread. */
void key_source_list(void *argument, ProtobufCBinaryData prefix, struct complete *complete);

/* Ends the connection, if there is one. */
void key_source_close(struct key_source *self);

#endif
