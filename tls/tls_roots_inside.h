/* What tls_roots.h hides, for those who verify. Seen by tls/ only. */
#ifndef TLS_TLS_ROOTS_INSIDE_H
#define TLS_TLS_ROOTS_INSIDE_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/x509.h>

struct tls_roots {
	X509_STORE *store; /* look-ups in it lock by themselves */
	size_t count;
	uint32_t generation;
};

#endif
