/* One value of one flag: from text into the field, and back. Inside of options only. */
#ifndef ENGINE_BASE_OPTIONS_VALUE_H
#define ENGINE_BASE_OPTIONS_VALUE_H

#include "engine/base/buf.h"
#include "engine/base/options.h"

/* RESULT_INVALID says in `fail` what was given and what is allowed; RESULT_LIMIT if the arena or a
 * list is full. The value is borrowed. */
MUST_USE enum result option_set(const struct option_row *row, void *options, const char *value,
	struct arena *arena, struct fail *fail);
void option_set_default(const struct option_row *row, void *options);
bool option_is_default(const struct option_row *row, const void *options);
/* The value in the form that option_set() reads; nothing for lists. */
void option_put_value(const struct option_row *row, const void *options, struct buf *buf);
/* "a number from 1 to 256 (threads)", "a time from 100ms to 10m" ... */
void option_put_allowed(const struct option_row *row, struct buf *buf);
void option_put_default(const struct option_row *row, struct buf *buf);

/* Appends to a list; RESULT_LIMIT when it or the arena is full. */
MUST_USE enum result option_list_add(
	struct option_list *list, const char *item, struct arena *arena, struct fail *fail);

/* The field of the row, of the type that the row says. */
static inline void *option_field(const struct option_row *row, void *options)
{
	return (char *)options + row->offset;
}

static inline const void *option_field_const(const struct option_row *row, const void *options)
{
	return (const char *)options + row->offset;
}

#endif
