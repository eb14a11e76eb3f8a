/* Where server and clients meet, and where state is kept, unless told otherwise. */
#ifndef STATED_PROTO_PATHS_H
#define STATED_PROTO_PATHS_H

#include "stated/status.h"

#include <stddef.h>
#include <sys/types.h>

/* Room for any path or URL of this module with its NUL. */
#define PATHS_BYTES 4096

/* What the rules below look at. paths_read_environment fills it; a test makes its own. */
struct paths_environment {
    uid_t uid;
    const char *runtime_dir; /* $XDG_RUNTIME_DIR; NULL = unset */
    const char *state_home;  /* $XDG_STATE_HOME; NULL = unset */
    const char *home;        /* $HOME; NULL = unset */
};

/* The process's own. The strings are the environment's: valid until that changes. */
void paths_read_environment(struct paths_environment *environment);

/* ipc:///run/stated/stated.sock for root; for anyone else stated/stated.sock below the runtime
   directory or, without one, below /tmp/stated-UID. A variable that holds no absolute path counts
   as unset (source: XDG Base Directory Specification 0.8). Writes at most size bytes with the NUL;
   returns the length that would be needed, as snprintf does. */
size_t paths_default_endpoint(const struct paths_environment *environment, char *buffer,
                              size_t size);

/* /var/lib/stated for root; for anyone else stated below the state directory, ~/.local/state
   without one, /tmp/stated-UID without a home. Writes and returns as above. */
size_t paths_default_data_directory(const struct paths_environment *environment, char *buffer,
                                    size_t size);

/* The public default endpoint; declared in stated/client.h too. Any thread that does not race with
   setenv. */
STATED_API size_t stated_default_endpoint(char *buffer, size_t size);

#endif
