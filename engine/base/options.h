/* The command line, from a table. Each command or load tool has one .def file in which every flag
 * is written once; from it come the struct, the defaults, the parser with its messages, --help, the
 * chapter of the manual page and --show-config.
 *
 * A .def file holds rows of these macros, under headings (OPTION_GROUP); LONG is without dashes:
 *   OPTION_GROUP("heading")
 *   OPTION_NUMBER(field, "long", "unit", min, max, default, "help")      int64_t field
 *   OPTION_DURATION(field, "long", min_ms, max_ms, default_ms, "help")   int64_t field, milliseconds
 *   OPTION_SIZE(field, "long", min, max, default, "help")                int64_t field, bytes
 *   OPTION_TEXT(field, "long", "ARG", "default", "help")                 const char *field
 *   OPTION_CHOICE(field, "long", "a|b|c", "default", "help")             int field: 0, 1, 2
 *   OPTION_LIST(field, "long", "ARG", "help")                            struct option_list field
 *   OPTION_SWITCH(field, "long", "help")                                 bool field
 * To use it (engine/options.def is such a file):
 *   struct send_options {
 *   #define OPTIONS_FILE "engine/options.def"
 *   #include "engine/base/options_fields.def"
 *   };
 * and in one .c file
 *   static const struct option_row rows[] = {
 *   #define OPTIONS_FILE "engine/options.def"
 *   #define OPTIONS_STRUCT struct send_options
 *   #include "engine/base/options_rows.def"
 *   };
 *   #define OPTIONS_FILE "engine/options.def"
 *   #include "engine/base/options_asserts.def"
 *   static const struct option_table table = { .program = "longship send", .rows = rows,
 *           .rows_count = COUNT_OF(rows), .size = sizeof(struct send_options), ... };
 *
 * Flags: --long VALUE, --long=VALUE, a switch also --long=yes and --long=no; given twice, the last
 * one counts, but a list keeps all in order. "--" ends the flags. @FILE reads flags from a file:
 * words between spaces and line ends, "quoted" or 'quoted' as a shell does (\ escapes one character
 * outside single quotes), # to the end of the line is a comment. Names in it are relative to its
 * folder. */
#ifndef ENGINE_BASE_OPTIONS_H
#define ENGINE_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/base/arena.h"
#include "engine/base/check.h"
#include "engine/base/result.h"

enum {
	/* Files naming files naming files: deeper is a circle. */
	OPTIONS_FILE_DEPTH_MAX = 4,
	/* One file of flags: ten thousand --tls lines fit. */
	OPTIONS_FILE_BYTES_MAX = 1024 * 1024,
	/* Values of one list: as many as such a file can hold. */
	OPTIONS_LIST_MAX = 65536,
	/* What all values and files may take in the arena of the caller. */
	OPTIONS_ARENA_BYTES_MAX = 8 * 1024 * 1024,
};

struct option_list {
	const char **items; /* in the order given */
	size_t count, size;
};

enum option_type {
	OPTION_TYPE_GROUP,
	OPTION_TYPE_NUMBER,
	OPTION_TYPE_DURATION,
	OPTION_TYPE_SIZE,
	OPTION_TYPE_TEXT,
	OPTION_TYPE_CHOICE,
	OPTION_TYPE_LIST,
	OPTION_TYPE_SWITCH,
};

struct option_row {
	enum option_type type;
	const char *flag;     /* without dashes; the heading for a group */
	const char *argument; /* unit, ARG or a|b|c */
	const char *help;
	const char *text_default; /* of TEXT and CHOICE */
	int64_t min, max, number_default;
	size_t offset; /* of the field in the struct */
};

struct option_table {
	const char *program; /* "longship send" */
	const char *about;   /* one sentence */
	const char *
		operands; /* what may stand after the flags, for the usage line; NULL: nothing may */
	const struct option_row *rows;
	size_t rows_count;
	size_t size; /* of the struct */
};

/* `options` is the struct of the table in all of these. */
void options_set_defaults(const struct option_table *table, void *options);
/* Defaults, then the flags; argv[0] is not looked at. Texts are borrowed from argv or copied to the
 * arena: both must live as long as the options. What is no flag goes to `out_operands` in order
 * (NULL: refused). RESULT_INVALID with words for people in `fail`; RESULT_IO or RESULT_NOT_FOUND
 * for an @FILE that cannot be read. Required flags are the caller's to check. */
MUST_USE enum result options_parse(const struct option_table *table, void *options, int argc,
	char *const *argv, struct arena *arena, struct option_list *out_operands,
	struct fail *fail);
/* The flags alone, over values that are there: for a struct with fields that this table does not have. */
MUST_USE enum result options_parse_over(const struct option_table *table, void *options, int argc,
	char *const *argv, struct arena *arena, struct option_list *out_operands,
	struct fail *fail);

/* --help: usage, then each flag with its range and default, under its heading. */
void options_print_help(const struct option_table *table, FILE *out);
/* A section of the manual page in roff, "OPTIONS OF longship send", without the page's header. */
void options_print_man(const struct option_table *table, FILE *out);
/* Every flag with the value in force, in the form of an @FILE: reading it gives the same options. */
void options_print_config(const struct option_table *table, const void *options, FILE *out);

/* The row of a flag, NULL if there is none. */
const struct option_row *options_find(const struct option_table *table, const char *flag);

#endif
