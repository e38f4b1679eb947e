/* The program `longship`: one command after the name (DESIGN 1). */
#include <stdio.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/event.h"
#include "engine/base/log.h"
#include "engine/base/options.h"
#include "engine/run/run.h"
#include "engine/run/send_options.h"

static int print_help(FILE *out)
{
	fputs("longship: a bulk mail sender that never sends over a channel weaker than the receiving "
	      "domain has published\n\n"
	      "  longship send --spool DIR --helo NAME [flags]   deliver the spool until stopped\n"
	      "  longship send --help                            all its flags\n"
	      "  longship man                                    the manual page (roff)\n"
	      "  longship version\n",
		out);
	return RUN_EXIT_DONE;
}

static int print_man(void)
{
	puts(".TH LONGSHIP 1\n.SH NAME\nlongship \\- bulk mail sender with DANE and MTA-STS\n"
	     ".SH SYNOPSIS\n.B longship send\n\\-\\-spool DIR \\-\\-helo NAME [flags]\n"
	     ".SH DESCRIPTION\nTakes mail from a spool directory and delivers it over SMTP. "
	     "A file in DIR/new is one message with X-Sender and X-Receiver fields; it goes away when "
	     "every recipient has a final outcome, and each outcome is a line of JSON in the event file.");
	options_print_man(&send_option_table, stdout);
	event_print_reference(stdout);
	log_print_reference(stdout);
	puts(".SH EXIT STATUS\n0 done; 2 arguments; 69 io_uring not available; 73 spool owned by another; "
	     "74 state or events not writable; 75 mail waits.");
	return RUN_EXIT_DONE;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "help";
	if (strcmp(command, "send") == 0)
		return run_send(argc - 1, argv + 1);
	if (strcmp(command, "man") == 0)
		return print_man();
	if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0)
		return puts("longship " LONGSHIP_VERSION) < 0;
	if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0)
		return print_help(stdout);
	fprintf(stderr, "longship: there is no command '%s'; longship help lists them\n", command);
	return RUN_EXIT_ARGUMENTS;
}
