#include "engine/base/event.h"
#include "engine/base/json_line.h"
#include "engine/base/roff.h"
#include "engine/base/time_text.h"

/* The longest line: every text field at its limit, each byte escaped to the longest form, and the
 * names, quotes and commas around them. */
enum {
#define EVENT_FIELD(type, name, meaning) FIELD_##name,
#include "engine/base/event.def"
#undef EVENT_FIELD
	FIELD_COUNT,
	FIELD_NAME_BYTES_MAX = 32,
};
static_assert(FIELD_COUNT * (FIELD_NAME_BYTES_MAX + JSON_ESCAPE_MAX * EVENT_FIELD_BYTES_MAX) <=
		      EVENT_LINE_BYTES_MAX,
	"every line fits");
#define EVENT_FIELD(type, name, meaning)                                                           \
	static_assert(sizeof("," #name ":\"\"\n") <= FIELD_NAME_BYTES_MAX, #name " is too long");
#include "engine/base/event.def"
#undef EVENT_FIELD

struct text event_kind_text(enum event_kind kind)
{
	static const struct text texts[] = {
#define EVENT_KIND(name, text, meaning) [EVENT_##name] = TEXT_INIT(text),
#include "engine/base/event.def"
#undef EVENT_KIND
	};
	CHECK((unsigned)kind < EVENT_KIND_COUNT);
	return texts[kind];
}

struct text bounce_class_text(enum bounce_class class)
{
	static const struct text texts[] = {
#define BOUNCE_CLASS(name, text, meaning) [BOUNCE_CLASS_##name] = TEXT_INIT(text),
#include "engine/base/event.def"
#undef BOUNCE_CLASS
	};
	CHECK((unsigned)class < BOUNCE_CLASS_COUNT);
	return texts[class];
}

bool event_kind_is_final(enum event_kind kind)
{
	switch (kind) {
	case EVENT_DELIVERED:
	case EVENT_BOUNCED:
	case EVENT_EXPIRED:
	case EVENT_WITHDRAWN:
	case EVENT_SUPPRESSED:
	case EVENT_REJECTED_INPUT: return true;
	case EVENT_DEFERRED:
	case EVENT_SESSION:
	case EVENT_POLICY_CHANGED:
	case EVENT_SITE_CHANGED:
	case EVENT_KIND_COUNT: break;
	}
	return false;
}

static void put_kind(struct buf *buf, enum event_kind kind)
{
	buf_put_text(buf, event_kind_text(kind));
}

static void put_number(struct buf *buf, uint64_t number)
{
	if (number != 0)
		buf_put_number(buf, number);
}

static void put_time(struct buf *buf, int64_t unix_us) { time_text_put_rfc3339(buf, unix_us); }

static void put_text(struct buf *buf, struct text text)
{
	if (text.len > EVENT_FIELD_BYTES_MAX)
		text = text_cut_utf8(text, EVENT_FIELD_BYTES_MAX);
	json_put_escaped(buf, text);
}

void event_format_line(const struct event *event, struct buf *buf)
{
	bool first = true;
	/* The quote that ends a value is written together with the name of the next field. */
#define EVENT_FIELD(type, name, meaning)                                                           \
	buf_put_text(buf, first ? TEXT("{\"" #name "\":\"") : TEXT("\",\"" #name "\":\""));        \
	put_##type(buf, event->name);                                                              \
	first = false;
#include "engine/base/event.def"
#undef EVENT_FIELD
	buf_put_text(buf, TEXT("\"}\n"));
}

/* A word in bold (or words for the empty one), and what it means. */
static void print_entry(FILE *out, const char *word, const char *meaning)
{
	(void)fputs(".TP\n.B ", out);
	roff_print(out, word[0] != '\0' ? word : "(empty)");
	(void)fputc('\n', out);
	roff_print(out, meaning);
	(void)fputc('\n', out);
}

void event_print_reference(FILE *out)
{
	(void)fputs(
		".SH EVENTS\nEach line of \\-\\-events is one JSON object. All fields are always "
		"there, as strings, empty when unknown.\n.SS Kinds\n",
		out);
#define EVENT_KIND(name, text, meaning) print_entry(out, text, meaning);
#include "engine/base/event.def"
#undef EVENT_KIND
	(void)fputs(".SS Fields\n", out);
#define EVENT_FIELD(type, name, meaning) print_entry(out, #name, meaning);
#include "engine/base/event.def"
#undef EVENT_FIELD
	(void)fputs(".SS Bounce classes\n", out);
#define BOUNCE_CLASS(name, text, meaning) print_entry(out, text, meaning);
#include "engine/base/event.def"
#undef BOUNCE_CLASS
}
