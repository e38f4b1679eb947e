/* A chain of certificates out of a PEM file, as a peer would present it: for tools that check one
 * offline. */
#ifndef TLS_TLS_CHAIN_FILE_H
#define TLS_TLS_CHAIN_FILE_H

#include "engine/base/check.h"
#include "engine/base/result.h"
#include "tls/tls_verify.h"

struct tls_chain_file {
	struct tls_chain chain;     /* in the order of the file, the leaf first */
	void *owned[TLS_CHAIN_MAX]; /* what holds the bytes */
};

/* RESULT_IO: the file cannot be read; RESULT_INVALID: a block in it is damaged; RESULT_NOT_FOUND: it
 * has no certificate; RESULT_LIMIT: it has more than 64; RESULT_MEMORY. Then nothing is
 * there to unload. The bytes live until tls_chain_file_unload(). */
MUST_USE enum result tls_chain_file_load(
	const char *path, struct tls_chain_file *out_file, struct fail *fail);
void tls_chain_file_unload(struct tls_chain_file *file);

#endif
