/* `longship cache list`, `show DOMAIN` and `forget DOMAIN`: what is kept of domains in --store DIR, by the
 * code that delivery uses, also while senders run on it. Only what has not expired is shown. */
#ifndef ENGINE_RUN_CACHE_COMMAND_H
#define ENGINE_RUN_CACHE_COMMAND_H

/* `argv[0]` is not looked at. Returns the exit status: 0 done; 1 nothing is kept of DOMAIN; 2 arguments, or
 * no cache that can be read; 74 it cannot be written. `show` also shows what lies below DOMAIN; `forget`
 * takes DOMAIN alone, with its record at _mta-sts, and says how many entries it took. */
int run_cache(int argc, char *const *argv);

#endif
