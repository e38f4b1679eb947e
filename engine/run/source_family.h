/* The families of our own addresses. An IPv4 and an IPv6 --source with the same settings, the EHLO name
 * among them, are one source with two addresses: one name in forward and reverse DNS, one throttle at each
 * provider, so that a session counts once whichever family it takes, and one warm-up. Without --source the
 * system chooses; IPv4 is tried first then, since nobody has said that IPv6 mail from here has a name, which
 * many receivers insist on. */
#ifndef ENGINE_RUN_SOURCE_FAMILY_H
#define ENGINE_RUN_SOURCE_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/run/source.h"

/* Makes one of each IPv4 and IPv6 source that belong together: the first of each family under a name, then
 * the second. They keep their order, a pair stands where the first of it stood and has the name of its IPv4
 * address. Returns how many are left. */
uint32_t sources_pair(struct source *sources, uint32_t count);

/* It can connect to addresses of that family. */
bool source_reaches(const struct source *source, uint8_t family);
/* It has an address of each: what a host offers in both is raced. */
bool source_is_dual(const struct source *source);
/* What to connect from; the family of it is IP_FAMILY_NONE when the system chooses. */
struct ip_address source_address(const struct source *source, uint8_t family);

#endif
