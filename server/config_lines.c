#include "config_lines.h"

#include <stdbool.h>
#include <stddef.h>

/* The next byte, or EOF at the end of the line or of the file. */
static int next_byte(struct config_lines *self, bool *is_end)
{
    int byte = *is_end ? EOF : getc(self->file);
    *is_end = byte == EOF || byte == '\n';
    if (byte == '\0' && self->mistake == NULL) {
        self->mistake = "it has a NUL byte; a config file is text";
    }
    return *is_end ? EOF : byte;
}

char *config_lines_next(char *line, int size, void *lines)
{
    struct config_lines *self = lines;
    int byte = getc(self->file);
    if (byte == EOF || self->mistake != NULL) {
        return NULL;
    }
    ungetc(byte, self->file);
    self->line++;
    bool is_end = false;
    int length = 0;
    while ((byte = next_byte(self, &is_end)) != EOF) {
        bool is_indentation = length == 0 && (byte == ' ' || byte == '\t');
        if (!is_indentation && length < size - 1) {
            line[length++] = (char)byte;
        } else if (!is_indentation && line[0] != '#' && line[0] != ';' && self->mistake == NULL) {
            self->mistake = "it is longer than the 199 bytes that a line may have";
        }
    }
    line[length] = '\0';
    return self->mistake == NULL ? line : NULL;
}
