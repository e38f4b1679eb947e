/* `longship-sendmail`: the interface of sendmail, so that whatever can call that can feed the spool: PHP's
 * sendmail_path, cron, git send-email, mailx.
 *
 * It speaks no SMTP and runs no queue: the message with its envelope goes into the spool by spool_put.h, and
 * 0 means that it is there on the disk. A file that the sender would put into bad/ is refused here. */
#ifndef ENGINE_RUN_SENDMAIL_H
#define ENGINE_RUN_SENDMAIL_H

/* The statuses of sysexits.h that callers know. */
enum sendmail_exit {
	SENDMAIL_EXIT_OK = 0,
	SENDMAIL_EXIT_USAGE = 64, /* EX_USAGE: the command line */
	SENDMAIL_EXIT_DATA = 65,  /* EX_DATAERR: the message, its addresses; nobody to receive it */
	SENDMAIL_EXIT_NO_INPUT = 66,  /* EX_NOINPUT: standard input cannot be read */
	SENDMAIL_EXIT_IO = 74,        /* EX_IOERR: the spool cannot be written */
	SENDMAIL_EXIT_TEMPORARY = 75, /* EX_TEMPFAIL: no space, no memory: try again */
	SENDMAIL_EXIT_FORBIDDEN = 77, /* EX_NOPERM: the caller may not write into the spool */
	SENDMAIL_EXIT_CONFIG = 78,    /* EX_CONFIG: there is no spool */
};

/* `argv` as main() has it; the message is read from standard input. */
int run_sendmail(int argc, char *const *argv);

#endif
