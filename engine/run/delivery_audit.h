/* --tls audit: what is published for a host is looked at and demanded of nobody (POL-11). Each session tells
 * the log whether it would have met the demand. The same for a policy of MTA-STS in the mode testing, whose
 * result stands in the session's event (STS-50). The judging is done in place; a chain that was judged before
 * costs a look-up. */
#ifndef ENGINE_RUN_DELIVERY_AUDIT_H
#define ENGINE_RUN_DELIVERY_AUDIT_H

struct delivery;

/* Once a session: when TLS is up, or at its end, before it is reported, when it never was. Nothing for hosts
 * without audit. */
void delivery_audit(struct delivery *d);

#endif
