/* `longship sts`: a policy file of MTA-STS and the hosts that it covers, or the TXT records of a domain.
 * Offline: what it says is what sts_policy_parse(), sts_policy_covers() and sts_record_choose() would say
 * to a delivery. */
#ifndef ENGINE_RUN_STS_H
#define ENGINE_RUN_STS_H

/* `argv[0]` is not looked at. Returns the exit status: 0 valid, and each host is covered; 1 not valid; 4
 * valid, and a host is not covered; 2 arguments, or a file that cannot be read. */
int run_sts(int argc, char *const *argv);

#endif
