/* The program `longship`: one command after the name (DESIGN 1). To add one: a row in the table. */
#include <stdio.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/event.h"
#include "engine/base/log.h"
#include "engine/base/options.h"
#include "engine/base/roff.h"
#include "engine/run/cache_command.h"
#include "engine/run/cache_options.h"
#include "engine/run/explain.h"
#include "engine/run/explain_options.h"
#include "engine/run/queue_command.h"
#include "engine/run/queue_options.h"
#include "engine/run/run.h"
#include "engine/run/send_options.h"
#include "engine/run/sts.h"
#include "engine/run/sts_options.h"
#include "engine/run/submit.h"
#include "engine/run/submit_options.h"
#include "engine/run/suppress_command.h"
#include "engine/run/suppress_options.h"
#include "engine/run/verify.h"
#include "engine/run/verify_options.h"

struct command {
	const char *name;
	const char *synopsis;             /* what stands behind the name */
	const char *about;                /* for the list of commands */
	const struct option_table *table; /* of its flags; NULL: it has none */
	/* `argv` without the program's name; returns the exit status. */
	int (*run)(int argc, char *const *argv);
};

static int print_help(int argc, char *const *argv);
static int print_man(int argc, char *const *argv);
static int print_version(int argc, char *const *argv);

static const struct command commands[] = {
	{ "send", "--spool DIR --helo NAME [flags]", "deliver the spool until stopped",
		&send_option_table, run_send },
	{ "explain", "DOMAIN [--connect] [--json] [flags]",
		"every step from MX records to the decision", &explain_option_table, run_explain },
	{ "verify", "--chain FILE --tlsa 'U S M HEX' --name HOST [--time TIME] [--json]",
		"check a chain of certificates against TLSA records, offline", &verify_option_table,
		run_verify },
	{ "sts", "--policy FILE [--mx HOST ...] | --txt RECORD ... [--json]",
		"check an MTA-STS policy file and its hosts, or TXT records, offline",
		&sts_option_table, run_sts },
	{ "cache", "list [--dane|--sts] | show DOMAIN | forget DOMAIN, --store DIR [--json]",
		"what is kept of domains: TLSA records, MTA-STS policies, answers of the DNS",
		&cache_option_table, run_cache },
	{ "queue",
		"list | show FILE | retry | drop | hold | release | job list | job show NAME, "
		"--spool DIR "
		"[FILE ...] [--domain NAME] [--job NAME] [--json]",
		"what waits and why, what jobs have come to; due now, withdrawn, held or released",
		&queue_option_table, run_queue },
	{ "submit", "--spool DIR FILE|DIR ... [--check] [--json]",
		"put message files into the spool: whole and on the disk, or not at all",
		&submit_option_table, run_submit },
	{ "suppress",
		"add ADDRESS ... | del ADDRESS ... | import FILE ... | list [ADDRESS ...], --spool "
		"DIR "
		"[--json]",
		"the addresses that get no mail", &suppress_option_table, run_suppress },
	{ "man", "", "the manual page (roff)", NULL, print_man },
	{ "version", "", "which version this is", NULL, print_version },
	{ "help", "", "this text", NULL, print_help },
};

static void list_commands(FILE *out)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		fprintf(out, "  longship %s%s%s\n        %s\n", commands[i].name,
			commands[i].synopsis[0] != '\0' ? " " : "", commands[i].synopsis,
			commands[i].about);
}

static int print_help(int argc, char *const *argv)
{
	(void)argc, (void)argv;
	fputs("longship: a bulk mail sender that never sends over a channel weaker than the receiving "
	      "domain has published\n\n",
		stdout);
	list_commands(stdout);
	fputs("\nlongship COMMAND --help prints all flags of a command.\n", stdout);
	return RUN_EXIT_DONE;
}

static int print_version(int argc, char *const *argv)
{
	(void)argc, (void)argv;
	return puts("longship " LONGSHIP_VERSION) < 0;
}

static int print_man(int argc, char *const *argv)
{
	(void)argc, (void)argv;
	puts(".TH LONGSHIP 1\n.SH NAME\nlongship \\- bulk mail sender with DANE and MTA-STS\n"
	     ".SH SYNOPSIS");
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		printf("%s.B longship %s\n", i > 0 ? ".br\n" : "", commands[i].name);
		roff_print(stdout, commands[i].synopsis);
		fputs(*commands[i].synopsis != '\0' ? "\n" : "", stdout);
	}
	puts(".SH DESCRIPTION\n"
	     "Takes mail from a spool directory and delivers it over SMTP. "
	     "A file in DIR/new is one message with X-Sender and X-Receiver fields; it goes away when "
	     "every recipient has a final outcome, and each outcome is a line of JSON in the event file.\n"
	     ".PP\nThe command explain shows where mail for a domain would go and what would have to be "
	     "proven there; verify checks a chain of certificates against TLSA records; sts checks a policy "
	     "file of MTA-STS and which hosts it covers, or the TXT records of a domain; cache shows or "
	     "forgets what is kept of domains. submit puts files into a spool; "
	     "longship-sendmail does so by the interface of sendmail. queue shows what waits and "
	     "why, and changes it. suppress keeps the list of those who get no mail.");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (commands[i].table != NULL)
			options_print_man(commands[i].table, stdout);
	event_print_reference(stdout);
	log_print_reference(stdout);
	puts(".SH EXIT STATUS\n0 done; 1 the verdict is no; 2 arguments; 3 unusable; 4 valid, but a host is "
	     "not covered; 69 io_uring not available; 73 spool owned by another; 74 state or events not "
	     "writable; 75 mail waits.");
	return RUN_EXIT_DONE;
}

/* Those that only print are known as flags too: longship --help, --version. */
static bool is_called(const struct command *command, const char *word)
{
	bool as_flag = command->table == NULL && strncmp(word, "--", 2) == 0;
	return strcmp(command->name, as_flag ? word + 2 : word) == 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "help";
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (is_called(&commands[i], word))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "longship: there is no command '%s'; longship help lists them\n", word);
	return RUN_EXIT_ARGUMENTS;
}
