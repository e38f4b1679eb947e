/* `longship suppress add`, `del`, `import` and `list`: the list of addresses that get no mail, in
 * SPOOL/state/suppress. A sender that runs there sees every change at once. */
#ifndef ENGINE_RUN_SUPPRESS_COMMAND_H
#define ENGINE_RUN_SUPPRESS_COMMAND_H

/* `argv[0]` is not looked at. Returns the exit status: 0 done; 1 a line of an import was refused (the others
 * are in), or an address of del or list is not on the list; 2 arguments, or no spool; 74 the list cannot be
 * read or written. What was told to be done is on the disk. */
int run_suppress(int argc, char *const *argv);

#endif
