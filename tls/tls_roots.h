/* The certificates of the public authorities that are trusted (the "web PKI"), for MTA-STS and for
 * --tls secure. Read once, before the threads; read-only and shared by all of them from then on. */
#ifndef TLS_TLS_ROOTS_H
#define TLS_TLS_ROOTS_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

struct tls_roots;

enum { TLS_ROOTS_MAX = 4096 };

/* Where Debian and most others keep the system's bundle. */
#define TLS_ROOTS_SYSTEM "/etc/ssl/certs/ca-certificates.crt"

/* All certificates of a PEM file; one that BoringSSL cannot parse is passed over, since bundles carry
 * the odd one. RESULT_IO, RESULT_INVALID (a damaged block), RESULT_NOT_FOUND (none that can be used),
 * RESULT_LIMIT, RESULT_MEMORY. */
MUST_USE enum result tls_roots_load(
	const char *path, struct tls_roots **out_roots, struct fail *fail);
/* NULL is allowed. */
void tls_roots_destroy(struct tls_roots *roots);

size_t tls_roots_count(const struct tls_roots *roots);
/* Differs between two stores of one process, never 0; 0 for NULL. Part of every demand that a root
 * decides, so that what one store proved is not believed under another. */
uint32_t tls_roots_generation(const struct tls_roots *roots);

#endif
