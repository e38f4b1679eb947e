#include "engine/run/queue_print_jobs.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/random.h"
#include "engine/run/queue_print.h"

static const char *const kinds[] = { "delivered", "bounced", "expired", "withdrawn", "suppressed",
	"rejected" };

struct label {
	struct hash_node node;
	uint64_t by_kind[COUNT_OF(kinds)];
	uint64_t pending, files;
	size_t name_len;
	char name[];
};

static struct text name_of(const struct hash_node *node)
{
	const struct label *label = CONTAINER_OF(node, struct label, node);
	return text_of_bytes(label->name, label->name_len);
}

enum result queue_print_jobs_init(struct queue_print_jobs *jobs, bool json, struct fail *fail)
{
	struct siphash_key key = random_siphash_key();
	*jobs = (struct queue_print_jobs){ .json = json };
	return hash_map_init(&jobs->labels, 64, &key, name_of) == RESULT_OK
		       ? RESULT_OK
		       : fail_set(fail, RESULT_MEMORY, "out of memory");
}

static void end_label(struct hash_node *node, void *context)
{
	struct queue_print_jobs *jobs = context;
	hash_map_remove(&jobs->labels, node);
	free(CONTAINER_OF(node, struct label, node));
}

void queue_print_jobs_deinit(struct queue_print_jobs *jobs)
{
	if (jobs->labels.table.buckets == NULL)
		return;
	hash_map_for_each(&jobs->labels, end_label, jobs);
	hash_map_deinit(&jobs->labels);
}

/* ---- directories ---- */

static const char *get(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value != NULL ? value : "";
}

static uint64_t number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void put_named(const char *before, const char *value)
{
	if (*value == '\0')
		return;
	fputs(before, stdout);
	queue_print_text(stdout, value);
}

static void put_count(const char **before, uint64_t count, const char *word)
{
	if (count == 0)
		return;
	printf("%s%" PRIu64 " %s", *before, count, word);
	*before = ", ";
}

static void put_pending(const json_t *job)
{
	const char *before = " (";
	put_count(&before, number(job, "unmade"), "not made yet");
	put_count(&before, number(job, "in_memory"), "in memory");
	put_count(&before, number(job, "parked"), "on disk");
	if (*before == ',')
		putchar(')');
}

static void put_domain(const json_t *domain)
{
	const char *name = get(domain, "domain");
	printf("%12" PRIu64 " pending  ", number(domain, "pending"));
	queue_print_text(stdout, *name != '\0' ? name : "(lines that cannot be read)");
	printf(": %" PRIu64 " of %" PRIu64 " delivered, %" PRIu64 " failed",
		number(domain, "delivered"), number(domain, "recipients"),
		number(domain, "failed"));
	put_named(", held: ", get(domain, "held"));
	putchar('\n');
}

static void put_directory(const json_t *job)
{
	const char *before = ": ";
	size_t i;
	const json_t *domain;
	queue_print_text(stdout, get(job, "directory"));
	put_named(", job ", get(job, "job"));
	put_named(", ", get(job, "state"));
	put_named(", held: ", get(job, "held"));
	printf("\n    %" PRIu64 " recipients", number(job, "recipients"));
	for (i = 0; i < COUNT_OF(kinds); i++)
		put_count(&before, number(job, kinds[i]), kinds[i]);
	printf("%s%" PRIu64 " pending", before, number(job, "pending"));
	put_pending(job);
	printf("\n    %" PRIu64 " a second in the last minute", number(job, "per_second"));
	put_named(", begun ", get(job, "begun"));
	put_named(", not before ", get(job, "not_before"));
	put_named(", expires ", get(job, "expires"));
	putchar('\n');
	json_array_foreach(json_object_get(job, "domains"), i, domain) put_domain(domain);
}

/* ---- single files ---- */

static struct label *label_of(struct queue_print_jobs *jobs, const char *name)
{
	struct hash_node *node = hash_map_find(&jobs->labels, text_of(name));
	if (node != NULL)
		return CONTAINER_OF(node, struct label, node);
	size_t len = strlen(name);
	struct label *label = calloc(1, sizeof *label + len + 1);
	if (label == NULL) {
		jobs->is_broken = true;
		return NULL;
	}
	label->name_len = len;
	memcpy(label->name, name, len);
	hash_map_insert(&jobs->labels, &label->node);
	return label;
}

void queue_print_jobs_line(struct queue_print_jobs *jobs, const json_t *line)
{
	if (json_object_get(line, "directory") != NULL) {
		if (jobs->json) {
			(void)json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			putchar('\n');
		} else {
			put_directory(line);
		}
		return;
	}
	bool is_sum = json_object_get(line, "label") != NULL;
	struct label *label = label_of(jobs, get(line, is_sum ? "label" : "job"));
	if (label == NULL)
		return;
	for (size_t i = 0; is_sum && i < COUNT_OF(kinds); i++)
		label->by_kind[i] += number(line, kinds[i]);
	label->pending += is_sum ? 0 : number(line, "recipients");
	label->files += !is_sum;
}

static void put_label_json(const struct label *label)
{
	json_t *object = json_object();
	(void)json_object_set_new(object, "directory", json_string(""));
	(void)json_object_set_new(object, "job", json_stringn(label->name, label->name_len));
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		(void)json_object_set_new(
			object, kinds[i], json_integer((json_int_t)label->by_kind[i]));
	(void)json_object_set_new(object, "pending", json_integer((json_int_t)label->pending));
	(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	putchar('\n');
}

static void put_label(struct hash_node *node, void *context)
{
	const struct queue_print_jobs *jobs = context;
	const struct label *label = CONTAINER_OF(node, struct label, node);
	const char *before = ", since the start of the sender ";
	if (jobs->json) {
		put_label_json(label);
		return;
	}
	fputs("job ", stdout);
	queue_print_text(stdout, label->name);
	printf(", single files\n    %" PRIu64 " recipient%s pending", label->pending,
		label->pending == 1 ? "" : "s");
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		put_count(&before, label->by_kind[i], kinds[i]);
	putchar('\n');
}

void queue_print_jobs_end(struct queue_print_jobs *jobs)
{
	hash_map_for_each(&jobs->labels, put_label, jobs);
}
