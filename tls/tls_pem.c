/* Certificates in PEM files: for the server's identities and for `longship verify`. */
#include <string.h>
#include "tls/tls_chain_file.h"
#include "tls/tls_internal.h"

/* More is another kind of file: a bundle of authorities has some hundred. */
enum { CHAIN_FILE_CERTS_MAX = 64 };

void tls_pem_free_chain(CRYPTO_BUFFER **certs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CRYPTO_BUFFER_free(certs[i]);
}

/* All blocks named CERTIFICATE, in the order of the file; others are passed over. */
static enum result read_blocks(
	BIO *file, CRYPTO_BUFFER_POOL *pool, CRYPTO_BUFFER **certs, size_t max, size_t *count)
{
	char *name, *header;
	uint8_t *der;
	long der_len;
	while (PEM_read_bio(file, &name, &header, &der, &der_len)) {
		enum result result = RESULT_OK;
		if (strcmp(name, PEM_STRING_X509) == 0) {
			CRYPTO_BUFFER *cert = NULL;
			if (*count == max)
				result = RESULT_LIMIT;
			else if ((cert = CRYPTO_BUFFER_new(der, (size_t)der_len, pool)) == NULL)
				result = RESULT_MEMORY;
			else
				certs[(*count)++] = cert;
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
		if (result != RESULT_OK)
			return result;
	}
	/* The end of the file shows as "no start line"; anything else is a damaged block. */
	uint32_t error = ERR_peek_last_error();
	ERR_clear_error();
	if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		return RESULT_INVALID;
	return *count > 0 ? RESULT_OK : RESULT_NOT_FOUND;
}

static enum result explain_no_chain(enum result result, const char *path, size_t max, struct fail *fail)
{
	if (result == RESULT_NOT_FOUND)
		return fail_set(fail, result, "there is no certificate in PEM form in %s", path);
	if (result == RESULT_LIMIT)
		return fail_set(fail, result, "there are more than %zu certificates in %s", max, path);
	if (result == RESULT_INVALID)
		return fail_set(fail, result, "there is a damaged PEM block in %s", path);
	return fail_set(fail, result, "no memory for the certificates in %s", path);
}

enum result tls_pem_read_chain(const char *path, CRYPTO_BUFFER_POOL *pool, CRYPTO_BUFFER **certs,
	size_t max, size_t *out_count, struct fail *fail)
{
	*out_count = 0;
	BIO *file = BIO_new_file(path, "r");
	if (file == NULL) {
		ERR_clear_error();
		return fail_set(fail, RESULT_IO, "cannot read the certificates in %s", path);
	}
	enum result result = read_blocks(file, pool, certs, max, out_count);
	BIO_free(file);
	if (result == RESULT_OK)
		return result;
	tls_pem_free_chain(certs, *out_count);
	*out_count = 0;
	return explain_no_chain(result, path, max, fail);
}

enum result tls_chain_file_load(
	const char *path, struct tls_chain_file *out_file, struct fail *fail)
{
	CRYPTO_BUFFER *certs[CHAIN_FILE_CERTS_MAX];
	size_t count;
	*out_file = (struct tls_chain_file){ .chain.certs_count = 0 };
	enum result result =
		tls_pem_read_chain(path, NULL, certs, CHAIN_FILE_CERTS_MAX, &count, fail);
	if (count > TLS_CHAIN_MAX) {
		tls_pem_free_chain(certs + TLS_CHAIN_MAX, count - TLS_CHAIN_MAX);
		out_file->chain.is_cut = true;
		count = TLS_CHAIN_MAX;
	}
	memcpy(out_file->owned, certs, count * sizeof certs[0]);
	out_file->chain.certs_count = count;
	for (size_t i = 0; i < count; i++)
		out_file->chain.certs[i] = (struct tls_cert){
			CRYPTO_BUFFER_data(certs[i]), CRYPTO_BUFFER_len(certs[i])
		};
	return result;
}

void tls_chain_file_unload(struct tls_chain_file *file)
{
	tls_pem_free_chain((CRYPTO_BUFFER **)file->owned, file->chain.certs_count);
	file->chain.certs_count = 0;
}
