/* Lines about the program itself, for the operator: logfmt, one write(2) a line, so that threads
 * need no lock and lines never mix. Every kind of line is a row of log.def; keys and values follow:
 *
 *   log_write(log, LOG_SPOOL_FILE_BAD, LOG_FIELDS(log_text("file", name), log_fail("why", &fail)));
 *   level=warn event=spool_file_bad thread=files file=x.eml why="no receiver"
 *
 * Values are quoted when they hold anything but plain characters; control bytes, quotes and what is
 * not UTF-8 are escaped, so that no peer can forge a line or drive a terminal.
 * Leaf code does not log: the one who decides what to do about an error does, once. */
#ifndef ENGINE_BASE_LOG_H
#define ENGINE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_COUNT
};
/* The choices of --log-level, in the order of the enum. */
#define LOG_LEVEL_CHOICES "error|warn|info|debug"

enum log_row {
#define LOG_ROW(name, level, meaning) LOG_##name,
#include "engine/base/log.def"
#undef LOG_ROW
	LOG_ROW_COUNT
};

/* One key and its value. Keys are ours: lower case letters, digits and '_'. */
struct log_field {
	const char *key; /* NULL ends the list */
	enum { LOG_TEXT, LOG_NUMBER, LOG_SIGNED } type;
	union {
		struct text text;
		uint64_t number;
		int64_t signed_number;
	};
};

/* Takes whole lines; must not be interrupted by another line (one write). */
typedef void log_sink_fn(void *context, const char *line, size_t len);
/* Microseconds since 1970, for time=. */
typedef int64_t log_clock_fn(void *context);

/* One a thread, read-only while in use; copies may share sink and clock. Zeroed: errors only. */
struct logger {
	enum log_level level; /* this and everything more urgent is written */
	const char *thread;   /* NULL: no thread= in the line */
	log_sink_fn *sink;    /* NULL: stderr */
	void *sink_context;
	log_clock_fn *clock; /* NULL: no time= in the line (systemd's journal has its own) */
	void *clock_context;
};

#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { .key = NULL } })
#define LOG_NO_FIELDS   ((const struct log_field[]){ { .key = NULL } })

static inline struct log_field log_text(const char *key, struct text value)
{
	return (struct log_field){ .key = key, .type = LOG_TEXT, .text = value };
}

static inline struct log_field log_cstr(const char *key, const char *value)
{
	return log_text(key, text_of(value));
}

static inline struct log_field log_number(const char *key, uint64_t value)
{
	return (struct log_field){ .key = key, .type = LOG_NUMBER, .number = value };
}

static inline struct log_field log_signed(const char *key, int64_t value)
{
	return (struct log_field){ .key = key, .type = LOG_SIGNED, .signed_number = value };
}

/* The text of a fail, which must live until the call is over. */
static inline struct log_field log_fail(const char *key, const struct fail *fail)
{
	return log_text(key, text_of(fail->text));
}

/* A field that makes the line longer than 4 KB is left out, with all behind it; "..." says so. */
void log_write(const struct logger *logger, enum log_row row, const struct log_field *fields);
/* To spare the making of values that nobody sees. */
bool log_is_on(const struct logger *logger, enum log_row row);
/* The chapter of the manual page (roff). */
void log_print_reference(FILE *out);
const char *log_level_name(enum log_level level);

#endif
