/* `longship explain DOMAIN`: looks a domain up as `send` does, shows every step, and with --connect talks to
 * its hosts. One thread, one loop; mail is never sent. */
#ifndef ENGINE_RUN_EXPLAIN_H
#define ENGINE_RUN_EXPLAIN_H

/* `argv[0]` is not looked at. Returns the exit status: 0 mail can be delivered at the shown level; 1 not as
 * long as things are as they are (it bounces, or no host proves what is demanded); 75 not now; 2
 * arguments; 69 no io_uring. */
int run_explain(int argc, char *const *argv);

#endif
