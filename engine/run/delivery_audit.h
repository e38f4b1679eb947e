/* --tls audit: what is published for a host is looked at and demanded of nobody (POL-11). Each session tells
 * the log whether it would have met the demand; the judging is done in place, since a level for trials
 * has few sessions. */
#ifndef ENGINE_RUN_DELIVERY_AUDIT_H
#define ENGINE_RUN_DELIVERY_AUDIT_H

struct delivery;

/* Once a session: when TLS is up, or at its end when it never was. Nothing for hosts without audit. */
void delivery_audit(struct delivery *d);

#endif
