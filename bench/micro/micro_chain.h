/* A chain to measure with: a host, an authority below a root and the root, of P-256 keys made anew. */
#ifndef BENCH_MICRO_CHAIN_H
#define BENCH_MICRO_CHAIN_H

#include <stddef.h>
#include <stdint.h>
#include "tls/tls_verify.h"

#define MICRO_CHAIN_NAME  "mx.example.com" /* the one name of the host */
#define MICRO_CHAIN_NOW_S 1800000000u      /* when all of them are valid */

struct micro_chain;

struct micro_chain *micro_chain_create(void);
void micro_chain_destroy(struct micro_chain *chain);
/* Leaf, middle, root. */
const struct tls_chain *micro_chain_presented(const struct micro_chain *chain);
/* SHA-256 of the key of one of them. */
void micro_chain_key_digest(const struct micro_chain *chain, size_t which, uint8_t out[32]);
/* The two signatures that a path from the leaf to the root has, checked as such, with certificates that
 * were parsed before: what no verifier can do without. */
void micro_chain_check_signatures(const struct micro_chain *chain);

#endif
