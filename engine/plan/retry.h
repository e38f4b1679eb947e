/* When a deferred recipient is tried again: exponential with jitter, from `first` to `max`, until
 * its lifetime ends (RFC 5321 4.5.4.1). Pure: the caller gives time and random bits. */
#ifndef ENGINE_PLAN_RETRY_H
#define ENGINE_PLAN_RETRY_H

#include <stdint.h>

struct retry_schedule {
	uint64_t first_ms;    /* wait after the first attempt */
	uint64_t max_ms;      /* the wait never grows beyond this */
	uint64_t lifetime_ms; /* from acceptance to the final failure */
};

enum retry_class { RETRY_BULK, RETRY_TRANSACTIONAL };

/* DESIGN 1: 15 m, 4 h, 2 d for bulk; 5 m, 4 h, 5 d for transactional. A value given by flag (not 0)
 * replaces the default of both classes. */
struct retry_schedule retry_schedule_of(
	enum retry_class class, uint64_t first_ms, uint64_t max_ms, uint64_t lifetime_ms);

/* The wait before attempt number `attempts_done + 1`, attempts_done >= 1: first * 2^(n-1), at most
 * max, and up to an eighth more or less by `random`, so that what failed together does not come
 * back together. */
uint64_t retry_wait_ms(const struct retry_schedule *schedule, uint32_t attempts_done, uint64_t random);

/* The instant of the next attempt. The last one falls a little before the end of the lifetime (a
 * twentieth of it, at most five minutes), so that nothing expires without a try
 * close to it; after that one `expires_ns` itself is given, when the recipient expires. */
uint64_t retry_due_ns(const struct retry_schedule *schedule, uint64_t expires_ns, uint64_t now_ns,
	uint32_t attempts_done, uint64_t random);

#endif
