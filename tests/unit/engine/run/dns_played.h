/* A dns_resolver that the test plays: exports the symbols of dns/dns_resolver.h. Every name does not exist,
 * and its worker is lost when the test says so. May be looked at from the test's thread while the resolver's
 * drives it. */
#ifndef TESTS_UNIT_ENGINE_RUN_DNS_PLAYED_H
#define TESTS_UNIT_ENGINE_RUN_DNS_PLAYED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct dns_played {
	_Atomic bool breaks;  /* the next process() finds the worker gone */
	_Atomic int refusals; /* so many reopenings fail */
	_Atomic uint32_t ttl_s;
	_Atomic unsigned processed, reopened, renewed, asked;
};

extern struct dns_played dns_played;

void dns_played_reset(void);
/* Makes the resolver look. */
void dns_played_raise(void);

#endif
