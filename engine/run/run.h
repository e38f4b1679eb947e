/* `longship send`: makes the threads, hands signals on, waits for the end. */
#ifndef ENGINE_RUN_RUN_H
#define ENGINE_RUN_RUN_H

/* `argv` without the command's name. Returns the exit status (DESIGN 1): 0 done, 2 arguments, 69 no
 * io_uring, 73 the spool belongs to another, 74 state or events not writable, 75 mail waits. */
int run_send(int argc, char *const *argv);

/* The exit statuses of all commands (DESIGN 1). */
enum run_exit {
	RUN_EXIT_DONE = 0,
	RUN_EXIT_NO = 1,
	RUN_EXIT_ARGUMENTS = 2,
	RUN_EXIT_UNUSABLE = 3,
	RUN_EXIT_NOT_COVERED = 4,
	RUN_EXIT_UNAVAILABLE = 69,
	RUN_EXIT_BUSY = 73,
	RUN_EXIT_NOT_WRITABLE = 74,
	RUN_EXIT_MAIL_WAITS = 75,
};

#endif
