/* Chances for longship-load: which domain a recipient is in, how large a message is.
 *
 * Domains come from a pattern ("d%05d.lab": d00000.lab, d00001.lab, …) or from a file of names with
 * weights; in front of either may stand a few that get a fixed share of all mail each, as the
 * largest providers do. Sizes are one, some with weights, or lognormal. Read-only once made, so that
 * threads share it; chance comes in as a random_state. */
#ifndef BENCH_LOAD_SPREAD_H
#define BENCH_LOAD_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/result.h"
#include "engine/io/random.h"

enum {
	LOAD_DOMAINS_MAX = 1000000,
	LOAD_SIZES_MAX = 64,
	LOAD_NAME_MAX = 253,
};

/* ---- any choice by weight ---- */

struct load_weights {
	double *sums; /* running sums of the weights */
	size_t count;
};

/* RESULT_INVALID: a weight is negative or all are 0. RESULT_MEMORY. */
MUST_USE enum result load_weights_init(
	struct load_weights *weights, const double *each, size_t count, struct fail *fail);
void load_weights_deinit(struct load_weights *weights);
/* An index, by chance. */
size_t load_weights_pick(const struct load_weights *weights, struct random_state *random);

/* ---- domains ---- */

struct load_domains_config {
	const char *pattern;   /* one %d or %0Nd */
	size_t count;          /* of the pattern's names */
	double zipf;           /* exponent: 0 uniform, 1 as words in a language */
	const char *file;      /* NULL: the pattern; else lines "name [weight]" */
	const char *skew;      /* "big.lab=25,large.lab=10": percent of all mail; NULL: none */
};

struct load_domains {
	struct load_weights weights;
	char **names;          /* of skew and file; NULL where the pattern makes the name */
	size_t named;          /* the first so many have names */
	char prefix[LOAD_NAME_MAX + 1], suffix[LOAD_NAME_MAX + 1];
	unsigned width;
};

/* RESULT_INVALID, RESULT_IO, RESULT_NOT_FOUND, RESULT_MEMORY. */
MUST_USE enum result load_domains_init(struct load_domains *domains,
	const struct load_domains_config *config, struct fail *fail);
void load_domains_deinit(struct load_domains *domains);
size_t load_domains_pick(const struct load_domains *domains, struct random_state *random);
void load_domains_put(const struct load_domains *domains, size_t index, struct buf *out);

/* ---- sizes ---- */

struct load_sizes {
	struct load_weights weights;    /* of `sizes`; unused for one or lognormal */
	uint64_t sizes[LOAD_SIZES_MAX];
	size_t count;                   /* 0: lognormal */
	double mu, sigma;               /* of the logarithm */
	uint64_t min, max;              /* what comes out lies between them */
};

/* "8K", "2K:50,8K:40,100K:10" (size:weight), "lognormal:24K:110K" (median, 95 % are below).
 * RESULT_INVALID for anything else. */
MUST_USE enum result load_sizes_init(struct load_sizes *sizes, const char *spec, uint64_t min,
	uint64_t max, struct fail *fail);
void load_sizes_deinit(struct load_sizes *sizes);
uint64_t load_sizes_pick(const struct load_sizes *sizes, struct random_state *random);

#endif
