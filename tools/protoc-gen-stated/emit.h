/* The text of the generated files. */
#ifndef STATED_GENERATOR_EMIT_H
#define STATED_GENERATOR_EMIT_H

#include "model.h"

/* Each adds one whole file to `out`. A model without services gives files that declare nothing. */
void emit_client_header(struct text *out, const struct model_file *model);
void emit_client_source(struct text *out, const struct model_file *model);
void emit_server_header(struct text *out, const struct model_file *model);
void emit_server_source(struct text *out, const struct model_file *model);

/* For the four above. */

/* What opens and closes a header; `side` is "client" or "server", `about` the header's comment. */
void emit_header_start(struct text *out, const struct model_file *model, const char *side,
                       const char *about);
void emit_header_end(struct text *out, const struct model_file *model, const char *side);

/* What opens a source file. */
void emit_source_start(struct text *out, const struct model_file *model, const char *side);

/* A comment of one or two paragraphs: the .proto's own, made safe to stand in C and possibly "",
   and ours. Each line is indented. */
void emit_comment(struct text *out, const char *indent, const char *comment, const char *note);

#endif
