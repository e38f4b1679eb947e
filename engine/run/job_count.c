#include "engine/run/job_count.h"
#include <stdlib.h>
#include <string.h>

enum {
	/* Entries of the index that are read at once, 64 KB; and in a step. */
	BLOCK_ENTRIES = JOB_INDEX_BLOCK_ENTRIES,
	STEP_BLOCKS = 16,
};

enum result job_count_begin(
	struct job_count *count, const struct job_index *index, struct fail *fail)
{
	*count = (struct job_count){ .domains_count = index->header.domains_count };
	count->domains = calloc(count->domains_count, sizeof *count->domains);
	return count->domains != NULL
		       ? RESULT_OK
		       : fail_set(fail, RESULT_MEMORY, "no memory to count the domains of a job");
}

static void add(struct job_count *count, const struct job_progress *progress, uint32_t ordinal,
	uint32_t domain)
{
	unsigned code = job_progress_code(progress, ordinal);
	if (code == 1 + EVENT_DELIVERED)
		count->domains[domain].delivered++;
	else if (code != 0)
		count->domains[domain].failed++;
}

enum result job_count_step(struct job_count *count, const struct job_index *index,
	const struct job_progress *progress, struct fail *fail)
{
	struct job_index_entry *entries = malloc(BLOCK_ENTRIES * sizeof *entries);
	enum result r = entries != NULL ? RESULT_OK
					: fail_set(fail, RESULT_MEMORY, "no memory to count a job");
	for (int i = 0; i < STEP_BLOCKS && r == RESULT_OK; i++) {
		uint32_t len;
		r = job_index_read_block(index, count->next, entries, &len, fail);
		if (r != RESULT_OK || len == 0)
			break;
		for (uint32_t n = 0; n < len; n++)
			add(count, progress, count->next + n, entries[n].domain);
		count->next += len;
	}
	free(entries);
	if (r != RESULT_OK)
		return r;
	return count->next < index->header.rcpts_count ? RESULT_AGAIN : RESULT_OK;
}

static bool is_larger(const struct control_job_domain *a, const struct control_job_domain *b)
{
	return a->pending != b->pending ? a->pending > b->pending : a->rcpts_count > b->rcpts_count;
}

size_t job_count_largest(const struct job_count *count, const struct job_index *index,
	struct control_job_domain *out_domains, size_t max)
{
	size_t len = 0;
	for (uint32_t i = 0; i < count->domains_count; i++) {
		const struct job_count_domain *of = &count->domains[i];
		const struct control_job_domain domain = {
			.name = index->domains[i].name,
			.rcpts_count = index->domains[i].count,
			.delivered = of->delivered,
			.failed = of->failed,
			.pending = index->domains[i].count - of->delivered - of->failed,
		};
		if (domain.rcpts_count == 0 ||
			(len == max && !is_larger(&domain, &out_domains[len - 1])))
			continue;
		size_t at = len < max ? len++ : len - 1;
		for (; at > 0 && is_larger(&domain, &out_domains[at - 1]); at--)
			out_domains[at] = out_domains[at - 1];
		out_domains[at] = domain;
	}
	return len;
}

void job_count_end(struct job_count *count)
{
	free(count->domains);
	*count = (struct job_count){ 0 };
}
