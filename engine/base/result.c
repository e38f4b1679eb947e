#include "engine/base/result.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *result_name(enum result result)
{
	static const char *const names[] = {
#define RESULT(name, text) [RESULT_##name] = #name,
#include "engine/base/result.def"
#undef RESULT
	};
	CHECK((unsigned)result < RESULT_COUNT);
	return names[result];
}

const char *result_text(enum result result)
{
	static const char *const texts[] = {
#define RESULT(name, text) [RESULT_##name] = text,
#include "engine/base/result.def"
#undef RESULT
	};
	CHECK((unsigned)result < RESULT_COUNT);
	return texts[result];
}

enum result result_of_errno(int sys_errno)
{
	static const struct { int sys_errno; enum result result; } rows[] = {
		{ ENOENT, RESULT_NOT_FOUND },         { ENOTDIR, RESULT_NOT_FOUND },
		{ EEXIST, RESULT_EXISTS },            { ENOMEM, RESULT_MEMORY },
		{ ENOSPC, RESULT_NO_SPACE },          { EDQUOT, RESULT_NO_SPACE },
		{ EACCES, RESULT_FORBIDDEN },         { EPERM, RESULT_FORBIDDEN },
		{ EROFS, RESULT_FORBIDDEN },          { EINVAL, RESULT_INVALID },
		{ ETIMEDOUT, RESULT_TIMEOUT },        { EPIPE, RESULT_CLOSED },
		{ ECONNRESET, RESULT_CLOSED },        { ECONNABORTED, RESULT_CLOSED },
		{ ECONNREFUSED, RESULT_REFUSED },     { ENETUNREACH, RESULT_UNREACHABLE },
		{ EHOSTUNREACH, RESULT_UNREACHABLE }, { ENETDOWN, RESULT_UNREACHABLE },
		{ EADDRNOTAVAIL, RESULT_UNREACHABLE }, { EBUSY, RESULT_BUSY },
		{ EWOULDBLOCK, RESULT_AGAIN },        { EINTR, RESULT_AGAIN },
		{ ECANCELED, RESULT_CANCELLED },      { ENOSYS, RESULT_UNAVAILABLE },
		{ EMFILE, RESULT_LIMIT },             { ENFILE, RESULT_LIMIT },
		{ EFBIG, RESULT_TOO_LONG },           { ENAMETOOLONG, RESULT_TOO_LONG },
		{ ELOOP, RESULT_FORBIDDEN },          { ESTALE, RESULT_CHANGED },
	};
	if (sys_errno == 0)
		return RESULT_OK;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].sys_errno == sys_errno)
			return rows[i].result;
	}
	return RESULT_IO;
}

void fail_clear(struct fail *fail) { *fail = (struct fail){ .result = RESULT_OK }; }

__attribute__((format(printf, 4, 0)))
static void fill(struct fail *fail, enum result result, int sys_errno, const char *fmt, va_list ap)
{
	/* Formatted aside first: the arguments may point into fail->text. */
	char text[sizeof fail->text];
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		text[0] = '\0';
	fail->result = result;
	fail->sys_errno = sys_errno;
	memcpy(fail->text, text, sizeof text);
}

enum result fail_set(struct fail *fail, enum result result, const char *fmt, ...)
{
	CHECK((unsigned)result < RESULT_COUNT);
	if (fail == NULL)
		return result;
	va_list ap;
	va_start(ap, fmt);
	fill(fail, result, 0, fmt, ap);
	va_end(ap);
	return result;
}

enum result fail_set_errno(struct fail *fail, int sys_errno, const char *fmt, ...)
{
	enum result result = result_of_errno(sys_errno);
	if (fail == NULL)
		return result;
	va_list ap;
	va_start(ap, fmt);
	fill(fail, result, sys_errno, fmt, ap);
	va_end(ap);
	char meaning[80];
	/* The GNU form: it returns the text, and needs no lock (strerror is not for threads). */
	const char *known = strerror_r(sys_errno, meaning, sizeof meaning);
	size_t len = strlen(fail->text);
	(void)snprintf(fail->text + len, sizeof fail->text - len, ": %s", known);
	return result;
}

enum result fail_prefix(struct fail *fail, const char *fmt, ...)
{
	if (fail == NULL)
		return RESULT_OK;
	char before[sizeof fail->text];
	memcpy(before, fail->text, sizeof before);
	va_list ap;
	va_start(ap, fmt);
	fill(fail, fail->result, fail->sys_errno, fmt, ap);
	va_end(ap);
	size_t len = strlen(fail->text);
	(void)snprintf(fail->text + len, sizeof fail->text - len, ": %s", before);
	return fail->result;
}
