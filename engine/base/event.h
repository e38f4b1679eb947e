/* One delivery event as one line of JSON. All fields are always there, as strings, in the order of
 * event.def; scripts rely on the names. The lines of a run are derived from the journal, byte for
 * byte, so that formatting depends on nothing but the struct. */
#ifndef ENGINE_BASE_EVENT_H
#define ENGINE_BASE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"

enum event_kind {
#define EVENT_KIND(name, text, meaning) EVENT_##name,
#include "engine/base/event.def"
#undef EVENT_KIND
	EVENT_KIND_COUNT
};

enum bounce_class {
#define BOUNCE_CLASS(name, text, meaning) BOUNCE_CLASS_##name,
#include "engine/base/event.def"
#undef BOUNCE_CLASS
	BOUNCE_CLASS_COUNT
};

/* Meanings of the fields: event.def. Texts are borrowed for the time of the call. */
struct event {
#define EVENT_TYPE_kind   enum event_kind
#define EVENT_TYPE_number uint64_t
#define EVENT_TYPE_time   int64_t
#define EVENT_TYPE_text   struct text
#define EVENT_FIELD(type, name, meaning) EVENT_TYPE_##type name;
#include "engine/base/event.def"
#undef EVENT_FIELD
#undef EVENT_TYPE_kind
#undef EVENT_TYPE_number
#undef EVENT_TYPE_time
#undef EVENT_TYPE_text
};

/* Appends the line with its newline. Texts over EVENT_FIELD_BYTES_MAX are cut. A buf with room for
 * EVENT_LINE_BYTES_MAX never overflows. */
void event_format_line(const struct event *event, struct buf *buf);
/* The chapter of the manual page (roff): kinds, fields, classes. */
void event_print_reference(FILE *out);

struct text event_kind_text(enum event_kind kind);
struct text bounce_class_text(enum bounce_class class);
/* True for the kinds that end a recipient: delivered, bounced, expired, withdrawn, suppressed,
 * rejected-input. */
bool event_kind_is_final(enum event_kind kind);

#endif
