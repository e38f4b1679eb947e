#include "engine/base/log.h"
#include <errno.h>
#include <unistd.h>
#include "engine/base/buf.h"
#include "engine/base/json_line.h"
#include "engine/base/roff.h"
#include "engine/base/time_text.h"

enum {
	/* One write of at most PIPE_BUF bytes to a pipe is never mixed with another (pipe(7)). */
	LOG_LINE_BYTES_MAX = 4096,
};

struct row {
	const char *name;
	enum log_level level;
};

static const struct row rows[] = {
#define LOG_ROW(name_, level_, meaning)                                                            \
	[LOG_##name_] = { .name = #name_, .level = LOG_LEVEL_##level_ },
#include "engine/base/log.def"
#undef LOG_ROW
};

const char *log_level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARN: return "warn";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	case LOG_LEVEL_COUNT: break;
	}
	UNREACHABLE("no such level");
}

bool log_is_on(const struct logger *logger, enum log_row row)
{
	CHECK((unsigned)row < LOG_ROW_COUNT);
	return rows[row].level <= logger->level;
}

static void put_lower(struct buf *buf, const char *name)
{
	for (; *name != '\0'; name++)
		buf_put_u8(buf, text_lower((uint8_t)*name));
}

/* True if the value is one word that no reader of logfmt can take for something else. */
static bool is_plain(struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = (uint8_t)value.data[i];
		bool word =
			(c >= '0' && c <= '9') || (text_lower(c) >= 'a' && text_lower(c) <= 'z');
		if (!word && memchr("._-:/@+,<>[]%*", c, sizeof("._-:/@+,<>[]%*") - 1) == NULL)
			return false;
	}
	return value.len > 0;
}

static void put_value(struct buf *buf, struct text value)
{
	if (is_plain(value))
		buf_put_text(buf, value);
	else
		json_put_string(buf, value);
}

static void put_field(struct buf *buf, const struct log_field *field)
{
	buf_put_u8(buf, ' ');
	buf_put_cstr(buf, field->key);
	buf_put_u8(buf, '=');
	switch (field->type) {
	case LOG_TEXT: put_value(buf, field->text); break;
	case LOG_NUMBER: buf_put_number(buf, field->number); break;
	case LOG_SIGNED:
		if (field->signed_number < 0)
			buf_put_u8(buf, '-');
		buf_put_number(buf, field->signed_number < 0 ? 0 - (uint64_t)field->signed_number
							     : (uint64_t)field->signed_number);
		break;
	}
}

static void write_stderr(const char *line, size_t len)
{
	/* One write, so that lines of several threads do not mix. A log that cannot be written
	 * has nobody to be told of. */
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
}

void log_write(const struct logger *logger, enum log_row row, const struct log_field *fields)
{
	static const char cut[] = " ...\n";
	char memory[LOG_LINE_BYTES_MAX];
	struct buf buf;
	if (!log_is_on(logger, row))
		return;
	/* Room for the mark of a cut line is kept back. */
	buf_init(&buf, memory, sizeof memory - sizeof cut);
	if (logger->clock != NULL) {
		buf_put_cstr(&buf, "time=");
		time_text_put_rfc3339(&buf, logger->clock(logger->clock_context));
		buf_put_u8(&buf, ' ');
	}
	buf_put_cstr(&buf, "level=");
	buf_put_cstr(&buf, log_level_name(rows[row].level));
	buf_put_cstr(&buf, " event=");
	put_lower(&buf, rows[row].name);
	if (logger->thread != NULL) {
		buf_put_cstr(&buf, " thread=");
		put_value(&buf, text_of(logger->thread));
	}
	size_t whole = buf.len;
	for (; fields->key != NULL && !buf.overflow; fields++) {
		put_field(&buf, fields);
		if (!buf.overflow)
			whole = buf.len;
	}
	/* A field that does not fit is left out with all behind it: half a quoted value is none. */
	const char *end = buf.overflow ? cut : "\n";
	memcpy(memory + whole, end, strlen(end));
	size_t len = whole + strlen(end);
	if (logger->sink != NULL)
		logger->sink(logger->sink_context, memory, len);
	else
		write_stderr(memory, len);
}

static void print_row(FILE *out, const char *name, const char *level, const char *meaning)
{
	(void)fputs(".TP\n.B ", out);
	for (; *name != '\0'; name++)
		(void)fputc(text_lower((uint8_t)*name), out);
	(void)fprintf(out, "\n(%s) ", level);
	roff_print(out, meaning);
	(void)fputc('\n', out);
}

void log_print_reference(FILE *out)
{
	(void)fputs(".SH LOG LINES\nLines on standard error are in logfmt; the key event is one of "
		    "these.\n",
		out);
#define LOG_ROW(name, level, meaning)                                                              \
	print_row(out, #name, log_level_name(LOG_LEVEL_##level), meaning);
#include "engine/base/log.def"
#undef LOG_ROW
}
