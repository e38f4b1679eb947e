/* `longship verify`: a chain of certificates in a file against TLSA records given as text. Offline: what it
 * says is what tlsa_usable() and dane_verify() would say to a delivery. */
#ifndef ENGINE_RUN_VERIFY_H
#define ENGINE_RUN_VERIFY_H

/* `argv[0]` is not looked at. Returns the exit status: 0 a record matches; 1 none does; 3 none can be
 * used, so that TLS would be demanded and no proof; 2 arguments, or a file that is no chain. */
int run_verify(int argc, char *const *argv);

#endif
