#include "engine/route/domain_index.h"
#include <stdlib.h>
#include <string.h>

enum result domain_index_parse(
	struct text domain, char out_domain[static DOMAIN_NAME_SIZE], struct fail *fail)
{
	if (text_equal(domain, TEXT("*"))) {
		memcpy(out_domain, "*", 2);
		return RESULT_OK;
	}
	enum domain_name_fault fault = domain_name_to_ascii(domain, out_domain);
	if (fault == DOMAIN_NAME_OK)
		return RESULT_OK;
	return fail_set(fail, RESULT_INVALID, "\"%.*s\" is no domain: it %s", TEXT_ARG(domain),
		domain_name_fault_text(fault));
}

static int compare_rows(const void *a, const void *b)
{
	const struct domain_index_row *left = a, *right = b;
	int order = text_compare(text_of(left->domain), text_of(right->domain));
	if (order != 0)
		return order;
	/* The rows of one domain in the order given: their addresses are those of one array. */
	return left->value < right->value ? -1 : left->value > right->value;
}

enum result domain_index_init(
	struct domain_index *index, const void *rows, size_t row_bytes, size_t count)
{
	*index = (struct domain_index){ 0 };
	if (count == 0)
		return RESULT_OK;
	index->rows = calloc(count, sizeof *index->rows);
	if (index->rows == NULL)
		return RESULT_MEMORY;
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		const char *domain = (const char *)rows + i * row_bytes;
		if (strcmp(domain, "*") == 0)
			index->any = domain;
		else
			index->rows[used++] = (struct domain_index_row){ domain, domain };
	}
	qsort(index->rows, used, sizeof *index->rows, compare_rows);
	for (size_t i = 0; i < used; i++)
		if (i + 1 == used || strcmp(index->rows[i].domain, index->rows[i + 1].domain) != 0)
			index->rows[index->count++] = index->rows[i];
	return RESULT_OK;
}

void domain_index_deinit(struct domain_index *index)
{
	free(index->rows);
	*index = (struct domain_index){ 0 };
}

const void *domain_index_find(const struct domain_index *index, struct text domain)
{
	size_t low = 0, high = index->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = text_compare(domain, text_of(index->rows[middle].domain));
		if (order == 0)
			return index->rows[middle].value;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return index->any;
}
