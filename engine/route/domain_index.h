/* Finds the row of a table that applies to a domain: --route and --tls, of which there may be tens of
 * thousands. The exact name wins, then "*". Of two rows for one domain the later wins, as with
 * every flag given twice. Built once, read-only after that; borrows the table. */
#ifndef ENGINE_ROUTE_DOMAIN_INDEX_H
#define ENGINE_ROUTE_DOMAIN_INDEX_H

#include <stddef.h>
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

/* The DOMAIN of a flag: "*", or a name in any spelling, which becomes lower case A-labels.
 * RESULT_INVALID with words for the operator. */
MUST_USE enum result domain_index_parse(
	struct text domain, char out_domain[static DOMAIN_NAME_SIZE], struct fail *fail);

struct domain_index_row {
	const char *domain; /* lower case A-labels, or "*" */
	const void *value;
};

struct domain_index {
	struct domain_index_row *rows; /* sorted, each domain once */
	size_t count;
	const void *any; /* of "*"; NULL: there is none */
};

/* `rows` points to `count` rows of `row_bytes` each, which begin with their domain as a terminated
 * array of characters. RESULT_MEMORY. */
MUST_USE enum result domain_index_init(
	struct domain_index *index, const void *rows, size_t row_bytes, size_t count);
void domain_index_deinit(struct domain_index *index);

/* NULL when nothing applies. */
const void *domain_index_find(const struct domain_index *index, struct text domain);

#endif
