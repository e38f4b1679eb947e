#include "engine/base/check.h"
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* Printing the sessions of a worker needs a few kilobytes; the rest is for the kernel. */
	SIGNAL_STACK_BYTES = 64 * 1024,
};

static _Thread_local struct {
	check_reporter_fn *reporter;
	void *context;
	bool dying; /* a failure is being reported: a second one must not report again */
} thread;

/* Whole or not at all is not worth fighting for: the process is dying. */
static void write_stderr(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

void check_report_bytes(const void *data, size_t len)
{
	const unsigned char *bytes = data;
	char piece[256];
	while (len > 0) {
		size_t n = 0;
		while (n < len && n < sizeof piece) {
			piece[n] = bytes[n] < 0x20 && bytes[n] != '\n' ? '?' : (char)bytes[n];
			if (bytes[n] == 0x7f)
				piece[n] = '?';
			n++;
		}
		write_stderr(piece, n);
		bytes += n;
		len -= n;
	}
}

void check_report_text(const char *text)
{
	if (text != NULL)
		check_report_bytes(text, strlen(text));
}

void check_report_number(uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	write_stderr(digits + at, sizeof digits - at);
}

void check_set_reporter(check_reporter_fn *reporter, void *context)
{
	thread.reporter = reporter;
	thread.context = context;
}

/* True for the first failure of the thread: the caller goes on to report. */
static bool begin_dying(void)
{
	if (thread.dying)
		return false;
	thread.dying = true;
	return true;
}

static void report_thread(void)
{
	if (thread.reporter != NULL)
		thread.reporter(thread.context);
}

void check_failed(const char *expr, const char *file, int line, const char *func)
{
	bool first = begin_dying();
	check_report_text(first ? "CHECK failed: " : "CHECK failed while reporting: ");
	check_report_text(expr);
	check_report_text(" at ");
	check_report_text(file);
	check_report_text(":");
	check_report_number((uint64_t)line);
	check_report_text(" in ");
	check_report_text(func);
	check_report_text("\n");
	if (first)
		report_thread();
	abort();
}

static const char *signal_text(int number)
{
	switch (number) {
	case SIGSEGV: return "SIGSEGV (no such memory)";
	case SIGBUS: return "SIGBUS (memory that cannot be had)";
	case SIGFPE: return "SIGFPE (arithmetic)";
	case SIGILL: return "SIGILL (no such instruction)";
	default: return "signal";
	}
}

/* Installed with SA_RESETHAND: the fault comes again when this returns, and then kills. The raise
 * is for the case that the signal was sent by somebody and does not come again by itself. */
static void on_fatal_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (begin_dying()) {
		check_report_text("fatal: ");
		check_report_text(signal_text(number));
		check_report_text(" at address ");
		check_report_number((uint64_t)(uintptr_t)info->si_addr);
		check_report_text("\n");
		report_thread();
	} else {
		check_report_text("fatal signal while reporting\n");
	}
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

void check_install_signal_stack(void)
{
	stack_t stack = { .ss_size = SIGNAL_STACK_BYTES };
	stack_t before;
	/* A sanitizer's runtime may have given the thread one already: then that one is used. */
	if (sigaltstack(NULL, &before) == 0 && (before.ss_flags & SS_DISABLE) == 0)
		return;
	/* Kept until the thread ends and never freed: it may be in use to the very end. */
	stack.ss_sp = malloc(SIGNAL_STACK_BYTES);
	if (stack.ss_sp != NULL && sigaltstack(&stack, NULL) != 0)
		free(stack.ss_sp);
}

void check_install_signal_handlers(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	struct sigaction action = { .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND) };
	action.sa_sigaction = on_fatal_signal;
	(void)sigemptyset(&action.sa_mask);
	check_install_signal_stack();
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		CHECK(sigaction(numbers[i], &action, NULL) == 0);
}
