#include "tls/tls_roots.h"
#include <stdatomic.h>
#include <stdlib.h>
#include "tls/tls_internal.h"
#include "tls/tls_roots_inside.h"

static bool add(struct tls_roots *roots, CRYPTO_BUFFER *der)
{
	X509 *cert = X509_parse_from_buffer(der);
	bool added = cert != NULL && X509_STORE_add_cert(roots->store, cert);
	X509_free(cert);
	ERR_clear_error();
	return added;
}

static enum result read_roots(
	struct tls_roots *roots, CRYPTO_BUFFER **certs, const char *path, struct fail *fail)
{
	size_t read_count;
	enum result result =
		tls_pem_read_chain(path, NULL, certs, TLS_ROOTS_MAX, &read_count, fail);
	if (result != RESULT_OK)
		return result;
	for (size_t i = 0; i < read_count; i++)
		roots->count += add(roots, certs[i]);
	tls_pem_free_chain(certs, read_count);
	if (roots->count == 0)
		return fail_set(fail, RESULT_NOT_FOUND, "no certificate in %s can be used", path);
	return RESULT_OK;
}

enum result tls_roots_load(const char *path, struct tls_roots **out_roots, struct fail *fail)
{
	static _Atomic uint32_t generations;
	struct tls_roots *roots = calloc(1, sizeof *roots);
	CRYPTO_BUFFER **certs = calloc(TLS_ROOTS_MAX, sizeof(CRYPTO_BUFFER *));
	*out_roots = NULL;
	if (roots != NULL)
		roots->store = X509_STORE_new();
	enum result result =
		certs == NULL || roots == NULL || roots->store == NULL
			? fail_set(fail, RESULT_MEMORY, "no memory for the authorities in %s", path)
			: read_roots(roots, certs, path, fail);
	free(certs);
	if (result != RESULT_OK) {
		tls_roots_destroy(roots);
		return result;
	}
	roots->generation = atomic_fetch_add(&generations, 1) + 1;
	*out_roots = roots;
	return RESULT_OK;
}

void tls_roots_destroy(struct tls_roots *roots)
{
	if (roots == NULL)
		return;
	X509_STORE_free(roots->store);
	free(roots);
}

size_t tls_roots_count(const struct tls_roots *roots) { return roots->count; }

uint32_t tls_roots_generation(const struct tls_roots *roots)
{
	return roots != NULL ? roots->generation : 0;
}
