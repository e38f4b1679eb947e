#include "engine/run/sendmail.h"
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/domain_name.h"
#include "engine/base/envelope.h"
#include "engine/io/file.h"
#include "engine/mail/address.h"
#include "engine/mail/sendmail_message.h"
#include "engine/mail/xtext.h"
#include "engine/run/sendmail_args.h"
#include "engine/run/spool_put.h"

#define SPOOL_DEFAULT "/var/spool/longship"
/* Debian's file for "the domain that mail from this host is from"; others have only the host name. */
#define MAILNAME_FILE "/etc/mailname"

enum {
	/* The input in growing pieces of memory, with a line before it, and the file made of it. */
	ARENA_BYTES_MAX = 6 * MESSAGE_BYTES_MAX,
	PARAMS_BYTES_MAX = 512,
};

struct sendmail {
	struct arena arena;
	struct sendmail_args args;
	struct sendmail_request request;
	char sender_params[PARAMS_BYTES_MAX], rcpt_params[PARAMS_BYTES_MAX];
	struct fail fail;
};

static void print_help(void)
{
	puts("usage: longship-sendmail [-t] [-i] [-f SENDER] [-F NAME] [--] [ADDRESS ...] "
	     "<MESSAGE\n"
	     "\n"
	     "Takes a message on standard input and puts it into the spool of longship, by the\n"
	     "interface of sendmail. 0: it is there, on the disk.\n"
	     "\n"
	     "  -t             receivers are in To, Cc and Bcc as well; Bcc is taken off\n"
	     "  -i, -oi        a line with a dot alone does not end the message\n"
	     "  -f, -r SENDER  the envelope sender (<>: the null sender); default: the caller\n"
	     "  -F NAME        the caller's name, for a message without From\n"
	     "  -N never|success,failure,delay   -R full|hdrs   -V ENVID   -B 7BIT|8BITMIME\n"
	     "                 what is asked of notifications, and of the body (RFC 3461, RFC "
	     "6152)\n"
	     "  --spool DIR    default: LONGSHIP_SPOOL in the environment, else " SPOOL_DEFAULT "\n"
	     "  --domain NAME  put behind addresses without one; default: LONGSHIP_DOMAIN in the\n"
	     "                 environment, else what " MAILNAME_FILE
	     " says, else the host's full name\n"
	     "\n"
	     "Other options of sendmail are passed over, or refused where they ask for another\n"
	     "program (-bs, -bd, -bp, -q).\n"
	     "Exit status (sysexits.h): 64 command line; 65 the message or an address; 66 cannot "
	     "read\n"
	     "it; 74 cannot write; 75 no space or memory now; 77 not permitted; 78 no spool.");
}

/* ---- who calls, and from where ---- */

static enum result set_domain(struct sendmail *s)
{
	char text[DOMAIN_NAME_SIZE + 64] = "", name[DOMAIN_NAME_SIZE];
	size_t len;
	const char *said = s->args.domain;
	if (said == NULL)
		said = secure_getenv("LONGSHIP_DOMAIN");
	bool is_told = said != NULL;
	if (!is_told && file_read_small(AT_FDCWD, MAILNAME_FILE, text, sizeof text, &len, NULL) ==
				RESULT_OK)
		said = text;
	else if (!is_told && gethostname(text, sizeof text - 1) == 0 && strchr(text, '.') != NULL)
		said = text;
	if (said == NULL)
		return RESULT_OK; /* only needed for addresses without one */
	enum domain_name_fault fault = domain_name_to_ascii(text_trim(text_of(said)), name);
	if (fault == DOMAIN_NAME_OK)
		s->request.domain = arena_text_copy(&s->arena, text_of(name));
	else if (is_told)
		return fail_set(&s->fail, RESULT_INVALID, "the domain '%.100s' %s", said,
			domain_name_fault_text(fault));
	return RESULT_OK;
}

static void caller(struct sendmail *s, struct text *out_name)
{
	const struct passwd *user = getpwuid(getuid());
	*out_name = user != NULL ? arena_text_copy(&s->arena, text_of(user->pw_name))
				 : arena_printf(&s->arena, "uid%u", (unsigned)getuid());
}

/* With the domain of this host where it has none. */
static enum result qualify_sender(struct sendmail *s, struct text mailbox, struct text *out_mailbox)
{
	struct envelope_address address;
	if (text_find_last(mailbox, '@') == TEXT_NONE) {
		if (s->request.domain.len == 0)
			return fail_set(&s->fail, RESULT_INVALID,
				"the sender '%.*s' has no @domain, and this host has no mail "
				"domain: give "
				"-f ADDRESS or --domain NAME",
				TEXT_ARG(text_cut(mailbox, 80)));
		mailbox = arena_printf(
			&s->arena, "%.*s@%.*s", TEXT_ARG(mailbox), TEXT_ARG(s->request.domain));
	}
	enum result r = address_parse_mailbox(mailbox, &s->arena, &address, &s->fail);
	*out_mailbox = address.text;
	return r;
}

static enum result set_sender(struct sendmail *s)
{
	struct text given = text_trim(text_of(s->args.sender));
	if (given.len >= 2 && given.data[0] == '<' && given.data[given.len - 1] == '>')
		given = text_skip(text_cut(given, given.len - 1), 1);
	if (!s->args.has_sender)
		caller(s, &given);
	if (given.len > 0) {
		enum result r = qualify_sender(s, given, &s->request.sender);
		s->request.from = s->request.sender;
		return r;
	}
	/* The null sender: From is still somebody's. */
	caller(s, &given);
	return s->request.domain.len > 0 ? qualify_sender(s, given, &s->request.from) : RESULT_OK;
}

/* ---- parameters (RFC 3461 4, RFC 6152) ---- */

static enum result bad_value(struct sendmail *s, char letter, const char *value)
{
	return fail_set(
		&s->fail, RESULT_INVALID, "-%c: '%.60s' cannot be used (RFC 3461)", letter, value);
}

static enum result put_envid(struct sendmail *s, struct buf *out)
{
	size_t before = out->len;
	buf_put_cstr(out, " ENVID=");
	size_t value_at = out->len;
	xtext_put(out, text_of(s->args.envid));
	if (out->overflow || out->len - value_at > ENVELOPE_ENVID_MAX || out->len == value_at) {
		buf_truncate(out, before);
		return bad_value(s, 'V', s->args.envid);
	}
	return RESULT_OK;
}

/* The values are looked at by the reader of the file, that of the sender; here only that they are one
 * word. */
static enum result set_params(struct sendmail *s)
{
	const struct sendmail_args *args = &s->args;
	struct buf sender, rcpt;
	buf_init(&sender, s->sender_params, sizeof s->sender_params);
	buf_init(&rcpt, s->rcpt_params, sizeof s->rcpt_params);
	const char *words[] = { args->notify, args->body };
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (words[i] != NULL && (*words[i] == '\0' || strlen(words[i]) > 64 ||
						strpbrk(words[i], " \t\r\n<>") != NULL))
			return bad_value(s, i == 0 ? 'N' : 'B', words[i]);
	if (args->ret != SENDMAIL_RETURN_NONE)
		buf_put_cstr(
			&sender, args->ret == SENDMAIL_RETURN_FULL ? " RET=FULL" : " RET=HDRS");
	if (args->body != NULL)
		buf_printf(&sender, " BODY=%s", args->body);
	if (args->notify != NULL)
		buf_printf(&rcpt, " NOTIFY=%s", args->notify);
	enum result r = args->envid != NULL ? put_envid(s, &sender) : RESULT_OK;
	s->request.sender_params = buf_text(&sender);
	s->request.rcpt_params = buf_text(&rcpt);
	return r;
}

/* ---- the way into the spool ---- */

static enum result set_operands(struct sendmail *s, int argc, char *const *argv)
{
	size_t count = (size_t)(argc - s->args.operands_at);
	struct text *operands = arena_alloc_array(&s->arena, count, sizeof *operands);
	if (operands == NULL)
		return fail_set(&s->fail, RESULT_MEMORY, "no memory left for the addresses");
	for (size_t i = 0; i < count; i++)
		operands[i] = text_of(argv[s->args.operands_at + (int)i]);
	s->request.operands = operands;
	s->request.operands_count = count;
	if (count == 0 && !s->args.reads_receivers)
		return fail_set(&s->fail, RESULT_INVALID,
			"no receiver: name addresses, or use -t to read them from the message");
	return RESULT_OK;
}

static enum result set_request(struct sendmail *s, int argc, char *const *argv)
{
	enum result r = sendmail_args_parse(&s->args, argc, argv, &s->fail);
	if (r != RESULT_OK || s->args.help)
		return r;
	s->request.reads_receivers = s->args.reads_receivers;
	s->request.full_name = text_of(s->args.full_name);
	r = set_operands(s, argc, argv);
	if (r == RESULT_OK)
		r = set_domain(s);
	if (r == RESULT_OK)
		r = set_sender(s);
	return r == RESULT_OK ? set_params(s) : r;
}

static int status_of_put(enum result r)
{
	if (r == RESULT_NO_SPACE || r == RESULT_MEMORY || r == RESULT_LIMIT)
		return SENDMAIL_EXIT_TEMPORARY;
	if (r == RESULT_FORBIDDEN)
		return SENDMAIL_EXIT_FORBIDDEN;
	return r == RESULT_NOT_FOUND || r == RESULT_INVALID ? SENDMAIL_EXIT_CONFIG
							    : SENDMAIL_EXIT_IO;
}

static int status_of_input(enum result r)
{
	return r == RESULT_MEMORY ? SENDMAIL_EXIT_TEMPORARY : SENDMAIL_EXIT_DATA;
}

static int put(struct sendmail *s, struct text file)
{
	const char *spool = s->args.spool;
	if (spool == NULL)
		spool = secure_getenv("LONGSHIP_SPOOL");
	if (spool == NULL || *spool == '\0')
		spool = SPOOL_DEFAULT;
	struct spool_put spool_put;
	char name[FILE_NAME_BYTES_MAX + 1];
	enum result r = spool_put_open(&spool_put, spool, &s->fail);
	if (r != RESULT_OK)
		return status_of_put(r);
	r = spool_put_file(&spool_put, TEXT(""), file, name, &s->fail);
	spool_put_close(&spool_put);
	return r == RESULT_OK ? SENDMAIL_EXIT_OK : status_of_put(r);
}

static int sendmail(struct sendmail *s, int argc, char *const *argv)
{
	struct text input, file;
	if (set_request(s, argc, argv) != RESULT_OK)
		return SENDMAIL_EXIT_USAGE;
	if (s->args.help) {
		print_help();
		return SENDMAIL_EXIT_OK;
	}
	enum result r = spool_put_read(STDIN_FILENO, &s->arena, &input, &s->fail);
	if (r != RESULT_OK)
		return r == RESULT_IO ? SENDMAIL_EXIT_NO_INPUT : status_of_input(r);
	if (!s->args.ignores_dots)
		input = sendmail_message_until_dot(input);
	r = sendmail_message_compose(input, &s->request, &s->arena, &file, &s->fail);
	if (r == RESULT_OK)
		r = spool_put_check(file, &s->fail);
	if (r != RESULT_OK)
		return status_of_input(r);
	return put(s, file);
}

int run_sendmail(int argc, char *const *argv)
{
	struct sendmail s = { .args = { .sender = "" } };
	arena_init(&s.arena, 65536, ARENA_BYTES_MAX);
	int status = sendmail(&s, argc, argv);
	if (status != SENDMAIL_EXIT_OK)
		fprintf(stderr, "longship-sendmail: %s\n", s.fail.text);
	arena_deinit(&s.arena);
	return status;
}
