#include "emit.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A comment's end or start inside it is taken apart. */
static void add_safely(struct text *out, const char *line, size_t length)
{
    char previous = '\0';
    for (size_t i = 0; i < length; i++) {
        char c = line[i];
        bool delimiter = (previous == '*' && c == '/') || (previous == '/' && c == '*');
        text_add(out, delimiter ? " %c" : "%c", c);
        previous = c;
    }
}

static size_t trimmed_length(const char *text, size_t length)
{
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        length--;
    }
    return length;
}

/* Every line but the first starts with the margin; a line that says nothing stays empty. */
static void add_paragraph(struct text *out, const char *indent, const char *paragraph)
{
    const char *end = paragraph + trimmed_length(paragraph, strlen(paragraph));
    for (const char *line = paragraph; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        size_t length = trimmed_length(line, (size_t)(line_end - line));
        size_t skipped = length > 0 && line[0] == ' ';
        if (line > paragraph) {
            text_add(out, length > 0 ? "\n%s   " : "\n", indent);
        }
        add_safely(out, line + skipped, length - skipped);
        line = line_end + (newline != NULL);
    }
}

void emit_comment(struct text *out, const char *indent, const char *comment, const char *note)
{
    text_add(out, "%s/* ", indent);
    add_paragraph(out, indent, comment);
    if (trimmed_length(comment, strlen(comment)) > 0) {
        text_add(out, "\n\n%s   ", indent);
    }
    add_paragraph(out, indent, note);
    text_add(out, " */\n");
}

static void add_banner(struct text *out, const struct model_file *model)
{
    text_add(out, "/* Written by protoc-gen-stated from %s; do not edit. */\n", model->name);
}

void emit_header_start(struct text *out, const struct model_file *model, const char *side,
                       const char *about)
{
    add_banner(out, model);
    emit_comment(out, "", "", about);
    text_add(out, "#ifndef STATED_FOR_%s_%s\n#define STATED_FOR_%s_%s\n\n", side, model->guard,
             side, model->guard);
    for (size_t i = 0; i < model->n_includes; i++) {
        text_add(out, "#include \"%s.pb-c.h\"\n", model->includes[i]);
    }
    text_add(out, "#include \"stated/%s.h\"\n\n", side);
    text_add(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
}

void emit_header_end(struct text *out, const struct model_file *model, const char *side)
{
    text_add(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif /* STATED_FOR_%s_%s */\n", side,
             model->guard);
}

void emit_source_start(struct text *out, const struct model_file *model, const char *side)
{
    add_banner(out, model);
    text_add(out, "#include \"%s.stated-%s.h\"\n", model->stem, side);
}
