/* The command line of `sendmail`, as PHP, cron, git, mailx and others write it: single letters, with their
 * value in the same word or in the next ("-ti", "-fann@a.example", "-f ann@a.example", "-oi"), options
 * before addresses. Pure: looks at the words and nothing else. */
#ifndef ENGINE_RUN_SENDMAIL_ARGS_H
#define ENGINE_RUN_SENDMAIL_ARGS_H

#include <stdbool.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

enum sendmail_return { SENDMAIL_RETURN_NONE, SENDMAIL_RETURN_FULL, SENDMAIL_RETURN_HDRS };

/* Texts are borrowed from argv. */
struct sendmail_args {
	bool reads_receivers;     /* -t */
	bool ignores_dots;        /* -i, -oi: a line with a dot alone is no end */
	bool has_sender;          /* -f or -r was given */
	const char *sender;       /* as given: may be "" or "<>" */
	const char *full_name;    /* -F; NULL: not given */
	const char *notify;       /* -N; NULL: not given */
	const char *envid;        /* -V; NULL: not given */
	enum sendmail_return ret; /* -R */
	const char *body;         /* -B: "7BIT" or "8BITMIME"; NULL: not given */
	const char *spool;        /* --spool; NULL: not given */
	const char *domain;       /* --domain; NULL: not given */
	bool help;                /* --help */
	int operands_at;          /* the rest of argv: addresses */
};

/* RESULT_INVALID: an option that is none, lacks its value, or asks for what this program is not: a
 * listener, a queue runner, a list of the queue (-bs, -bd, -bp, -bi, -q). What only concerns how Sendmail
 * works inside is passed over: -m -n -v -G -U -I, -A -C -L -O -X -d -h -o -p -e with their values. */
MUST_USE enum result sendmail_args_parse(
	struct sendmail_args *args, int argc, char *const *argv, struct fail *fail);

#endif
