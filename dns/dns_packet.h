/* One question to the packet that libunbound hands out beside its result.
 *
 * RFC 2308 5: a denial without an SOA record must not be kept (DNS-16). ub_result.ttl does not tell:
 * libunbound takes the EDNS record at the end of the packet for one more record, whose "TTL" field
 * with the DO bit in it reads as 32,768 seconds. Pure. */
#ifndef DNS_DNS_PACKET_H
#define DNS_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>

/* True when the authority section has an SOA record. False for a packet that cannot be read so far. */
bool dns_packet_has_soa(const void *packet, size_t len);

#endif
