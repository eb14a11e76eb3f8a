/* Aligned columns with a heading, page by page. */
#ifndef STATED_STATECTL_TABLE_H
#define STATED_STATECTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_MAX_COLUMNS 8

/* Rows wait here until table_flush prints them. */
struct table {
    const char *const *headings; /* NULL = none */
    size_t columns;
    bool right[TABLE_MAX_COLUMNS]; /* numbers: aligned to the right */
    size_t widths[TABLE_MAX_COLUMNS];
    char **cells; /* columns per row */
    size_t n_cells;
    size_t capacity;
    bool has_heading; /* printed already */
};

/* An empty table; headings (NULL = none) are the caller's and stay valid. */
void table_init(struct table *self, const char *const *headings, size_t columns);

/* Adds the next cell of the row; text is the table's from now on, to free with free(). */
void table_add(struct table *self, char *text);

/* The same, printf style. */
void table_format(struct table *self, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/* Prints the rows on standard output, under the heading if it is not there yet; columns that were
   wide before stay so. The table is empty then. */
void table_flush(struct table *self);

/* Frees it; rows that were not flushed are not printed. */
void table_deinit(struct table *self);

#endif
