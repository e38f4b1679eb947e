/* Results of operations that may fail for reasons outside the program, and the words for people.
 *
 * A function returns an enum result; where somebody will want to know more, the place that failed
 * fills a struct fail. Texts are one line, without a full stop, in words for the operator. */
#ifndef ENGINE_BASE_RESULT_H
#define ENGINE_BASE_RESULT_H

#include <stdarg.h>
#include "engine/base/check.h"

enum result {
#define RESULT(name, text) RESULT_##name,
#include "engine/base/result.def"
#undef RESULT
	RESULT_COUNT
};

struct fail {
	enum result result; /* RESULT_OK: nothing has failed */
	int sys_errno;      /* 0: not from the system */
	char text[240];     /* cut at the end when longer, always terminated */
};

/* "TOO_LONG", and "longer than the limit". */
const char *result_name(enum result result);
const char *result_text(enum result result);
/* The result that stands for an errno of a system call; RESULT_IO when there is none nearer. */
enum result result_of_errno(int sys_errno);

void fail_clear(struct fail *fail);
/* Both fill `fail` (which may be NULL) and give the result back, so that they end a function:
 *   return fail_set(fail, RESULT_INVALID, "%s is not a number", text); */
enum result fail_set(struct fail *fail, enum result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a system call: result_of_errno() of it, and the text ends in ": " and its meaning. */
enum result fail_set_errno(struct fail *fail, int sys_errno, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Puts `fmt` and ": " before the text that is there; the result stays. For the caller's context. */
enum result fail_prefix(struct fail *fail, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
