#include "statectl/table.h"

#include "statectl/memory.h"
#include "statectl/output.h"
#include "statectl/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *self, const char *const *headings, size_t columns)
{
    *self = (struct table){.headings = headings, .columns = columns};
    for (size_t i = 0; headings != NULL && i < columns; i++) {
        self->widths[i] = text_columns(headings[i]);
    }
}

void table_add(struct table *self, char *text)
{
    size_t column = self->n_cells % self->columns;
    size_t width = text_columns(text);
    if (self->n_cells == self->capacity) {
        self->capacity = self->capacity == 0 ? 64 : 2 * self->capacity;
        self->cells = memory_resize(self->cells, self->capacity, sizeof *self->cells);
    }
    self->cells[self->n_cells++] = text;
    if (width > self->widths[column]) {
        self->widths[column] = width;
    }
}

void table_format(struct table *self, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    table_add(self, memory_check(length < 0 ? NULL : text));
}

static void print_row(const struct table *self, const char *const *cells)
{
    size_t columns = self->columns;
    while (columns > 1 && cells[columns - 1][0] == '\0') {
        columns--; /* no blanks at the end of a line */
    }
    for (size_t i = 0; i < columns; i++) {
        size_t space = self->widths[i] - text_columns(cells[i]);
        bool is_last = i + 1 == columns;
        if (self->right[i]) {
            printf("%*s%s", (int)space, "", cells[i]);
        } else {
            printf("%s%*s", cells[i], is_last ? 0 : (int)space, "");
        }
        fputs(is_last ? "" : "  ", stdout);
    }
}

void table_flush(struct table *self)
{
    if (self->headings != NULL && !self->has_heading && self->n_cells > 0) {
        fputs(output_bold(), stdout);
        print_row(self, self->headings);
        printf("%s\n", output_plain());
        self->has_heading = true;
    }
    for (size_t i = 0; i < self->n_cells; i += self->columns) {
        print_row(self, (const char *const *)&self->cells[i]);
        putchar('\n');
    }
    for (size_t i = 0; i < self->n_cells; i++) {
        free(self->cells[i]);
    }
    self->n_cells = 0;
}

void table_deinit(struct table *self)
{
    for (size_t i = 0; i < self->n_cells; i++) {
        free(self->cells[i]);
    }
    free(self->cells);
}
