/* `longship submit FILE|DIR...`: copies message files into a spool, each whole and on the disk before it is
 * said to be there, and refuses what the sender would put into bad/, with the sender's own words. With
 * --check it looks at batch SMTP files and job directories, too. */
#ifndef ENGINE_RUN_SUBMIT_H
#define ENGINE_RUN_SUBMIT_H

/* `argv[0]` is not looked at. Returns the exit status: 0 all are in the spool; 1 at least one was refused,
 * the others are in; 2 arguments, no spool, or a file that cannot be read; 74 the spool cannot be written:
 * it stops there. */
int run_submit(int argc, char *const *argv);

#endif
