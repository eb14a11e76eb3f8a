/* What a snapshot or a state consists of, as the user wants to see it. */
#ifndef STATED_STATECTL_CONTENTS_VIEW_H
#define STATED_STATECTL_CONTENTS_VIEW_H

#include "statectl/ctl.h"

#include "state/store.h"
#include "stated/v1/admin.pb-c.h"

/* The same as it came over the wire. */
struct store_contents contents_of(const Stated__V1__Contents *contents);

/* Prints it in the format that was asked for: as JSON with the member `name` in front, whose value
   is `path` (NULL: none), or one line, what was done, its numbers, and end: "saved", …, "to FILE".
 */
void contents_view_print(const struct ctl *ctl, const struct store_contents *contents,
                         const char *name, const char *path, const char *done, const char *end);

/* The same with each number on a line of its own. */
void contents_view_table(const struct ctl *ctl, const struct store_contents *contents,
                         const char *name, const char *path);

#endif
