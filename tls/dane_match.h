/* Does a certificate match a TLSA record? (RFC 6698 2.1, RFC 7671 5) Bytes against bytes: what the
 * record says about the certificate or its key, whatever the two mean. No memory is allocated. */
#ifndef TLS_DANE_MATCH_H
#define TLS_DANE_MATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/text.h"
#include "engine/base/tlsa.h"

struct tls_cert;

enum { DANE_SELECTORS = 2 };

/* One certificate, and what has been computed of it: each digest once, however many records ask. */
struct dane_subject {
	struct text selected[DANE_SELECTORS]; /* the certificate; its key, empty if it has none */
	bool has_sha256[DANE_SELECTORS], has_sha512[DANE_SELECTORS];
	uint8_t sha256[DANE_SELECTORS][32], sha512[DANE_SELECTORS][64];
};

/* Borrows the bytes of the certificate, which may be anything: what has no key matches none. */
void dane_subject_init(struct dane_subject *subject, const struct tls_cert *cert);

/* True if selector and matching type of the record give its data; the usage is not looked at. The
 * record must be a usable one (tlsa_usable.h). */
bool dane_match(struct dane_subject *subject, const struct tlsa_record *record);

#endif
