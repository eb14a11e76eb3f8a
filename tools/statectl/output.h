/* The formats of standard output, and whether it is a terminal with colours. */
#ifndef STATED_STATECTL_OUTPUT_H
#define STATED_STATECTL_OUTPUT_H

#include "stated/status.h"

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output_format {
    OUTPUT_AUTO,  /* the command decides, see output_choose */
    OUTPUT_JSON,  /* one document for people to read */
    OUTPUT_JSONL, /* one object a line */
    OUTPUT_RAW,   /* bytes as they are */
    OUTPUT_TABLE, /* text for people */
};

/* False when text names no format. */
bool output_format_parse(const char *text, enum output_format *format) STATED_MUST_USE;

/* "auto", "json", …: what output_format_parse takes. Static. */
const char *output_format_name(enum output_format format);

/* The format to use: the one asked for, else table on a terminal and `piped` elsewhere. */
enum output_format output_choose(enum output_format asked, enum output_format piped);

/* Whether standard output is a terminal. */
bool output_is_terminal(void);

/* Columns of the terminal; 0 when standard output is none. */
size_t output_columns(void);

enum output_colours { OUTPUT_COLOURS_AUTO, OUTPUT_COLOURS_ALWAYS, OUTPUT_COLOURS_NEVER };

/* "auto", "always", "never". False when text is none of them. */
bool output_colours_parse(const char *text, enum output_colours *chosen) STATED_MUST_USE;

/* When there are colours from now on. Main thread. */
void output_set_colours(enum output_colours chosen);

/* Whether the terminal moves its cursor when told so: TERM says that it is not a dumb one. */
bool output_has_cursor(void);

/* Start and end of text in a colour; "" when there are to be none: with auto, when standard output
   is no terminal, TERM is dumb, or NO_COLOR is set. */
const char *output_bold(void);
const char *output_dim(void);
const char *output_red(void);
const char *output_green(void);
const char *output_plain(void);

/* The same for what goes to standard error. */
const char *output_error_red(void);
const char *output_error_plain(void);

/* Prints a document as JSON or JSONL and frees it. */
void output_json(json_t *document, enum output_format format);

/* Prints the bytes as they are. */
void output_bytes(ProtobufCBinaryData bytes);

/* Whether something could not be written. */
bool output_has_failed(void);

/* Writes what is buffered. Returns code, or EXIT_USAGE after saying that it could not be written.
   A closed pipe ends the process before that, see interrupt.h. */
int output_finish(int code);

#endif
