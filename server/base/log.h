/* The server's log: one line per event on standard error, as text or as JSON. */
#ifndef STATED_BASE_LOG_H
#define STATED_BASE_LOG_H

#include "stated/status.h"

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Sets what is shown and how, for the whole process. Before threads start, or from one thread. */
void log_configure(enum log_level level, enum log_format format);

/* True and *level set when name is "debug", "info", "warn" or "error". */
bool log_level_parse(const char *name, enum log_level *level) STATED_MUST_USE;

/* True and *format set when name is "text" or "json". */
bool log_format_parse(const char *name, enum log_format *format) STATED_MUST_USE;

/* Writes one line (printf style, no newline at the end) if level is shown. Any thread; lines never
   mix. Values that come from peers must be short; control characters are escaped. */
void log_write(enum log_level level, const char *format, ...) STATED_PRINTF(2, 3);

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
