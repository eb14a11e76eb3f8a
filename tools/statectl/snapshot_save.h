/* snapshot save: a snapshot of the server's state, fetched into a file here. */
#ifndef STATED_STATECTL_SNAPSHOT_SAVE_H
#define STATED_STATECTL_SNAPSHOT_SAVE_H

#include "statectl/ctl.h"

/* Makes the snapshot, fetches it, verifies what came, and gives it its name. Returns the exit code;
   unless it is EXIT_DONE, no file is there, or the one that was there before. Blocks. */
int snapshot_save(struct ctl *ctl, const char *path);

#endif
