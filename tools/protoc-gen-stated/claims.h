/* Which declaration each generated identifier comes from, so that two that become the same one are
   refused by name instead of by a compiler later. */
#ifndef STATED_GENERATOR_CLAIMS_H
#define STATED_GENERATOR_CLAIMS_H

#include "model.h"

/* Adds a line to errors for each identifier that two services or methods of the file would share.
 */
void claims_check(struct pool *pool, const struct model_file *model, struct text *errors);

#endif
