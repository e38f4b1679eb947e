#include "engine/run/recovery.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/io/random.h"
#include "store/journal_record.h"

static struct text key_of(const struct hash_node *node)
{
	const struct recovered_file *file = CONTAINER_OF(node, struct recovered_file, node);
	return text_of(file->name);
}

enum result recovery_init(struct recovery *recovery)
{
	struct siphash_key key = random_siphash_key();
	recovery->outcomes_count = 0;
	return hash_map_init(&recovery->files, 64, &key, key_of);
}

static void drop(struct hash_node *node, void *context)
{
	struct recovery *recovery = context;
	struct recovered_file *file = CONTAINER_OF(node, struct recovered_file, node);
	hash_map_remove(&recovery->files, node);
	recovered_destroy(file);
}

void recovery_deinit(struct recovery *recovery)
{
	hash_map_for_each(&recovery->files, drop, recovery);
	hash_map_deinit(&recovery->files);
}

static struct recovered_file *find(struct recovery *recovery, struct text name)
{
	struct hash_node *node = hash_map_find(&recovery->files, name);
	return node != NULL ? CONTAINER_OF(node, struct recovered_file, node) : NULL;
}

/* Of two files with one name only the newer one can still be there. */
static struct recovered_file *find_or_add(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint64_t seq)
{
	struct recovered_file *file = find(recovery, name);
	if (file != NULL && !file_identity_equal(&file->identity, identity)) {
		drop(&file->node, recovery);
		file = NULL;
	}
	if (file != NULL)
		return file;
	file = calloc(1, sizeof *file + name.len + 1);
	if (file == NULL)
		return NULL;
	file->identity = *identity;
	file->first_seq = seq;
	memcpy(file->name, name.data, name.len);
	hash_map_insert(&recovery->files, &file->node);
	return file;
}

/* So that there is room for one more. A job's come one by one, up to a million of them. */
static uint32_t places_for(uint32_t rcpt, bool is_job)
{
	uint32_t more = is_job ? rcpt / 2 : 0;
	return ((rcpt + more) / 64 + 1) * 64;
}

static enum result set_bit(struct rcpt_bits *set, uint32_t rcpt, bool is_job)
{
	if (rcpt >= set->max) {
		uint32_t max = places_for(rcpt, is_job);
		uint8_t *bits = realloc(set->bits, max / 8);
		if (bits == NULL)
			return RESULT_MEMORY;
		memset(bits + set->max / 8, 0, (max - set->max) / 8);
		set->bits = bits;
		set->max = max;
	}
	set->bits[rcpt / 8] = (uint8_t)(set->bits[rcpt / 8] | 1u << rcpt % 8);
	return RESULT_OK;
}

static bool has_bit(const struct rcpt_bits *set, uint32_t rcpt)
{
	return rcpt < set->max && (set->bits[rcpt / 8] >> rcpt % 8 & 1) != 0;
}

static enum result add_done(struct recovery *recovery, struct recovered_file *file, uint32_t rcpt)
{
	if (file == NULL)
		return RESULT_MEMORY;
	if (file->is_job && rcpt >= file->done.max) {
		uint8_t *kinds = realloc(file->kinds, places_for(rcpt, true));
		if (kinds == NULL)
			return RESULT_MEMORY;
		file->kinds = kinds;
	}
	enum result r = set_bit(&file->done, rcpt, file->is_job);
	recovery->outcomes_count += r == RESULT_OK;
	return r;
}

enum result recovery_add_done(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint32_t rcpt, uint64_t seq)
{
	if (rcpt >= MESSAGE_RCPTS_MAX)
		return RESULT_DAMAGED;
	return add_done(recovery, find_or_add(recovery, name, identity, seq), rcpt);
}

enum result recovery_add_job_done(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint32_t ordinal, enum event_kind kind, uint64_t seq)
{
	if (ordinal >= JOURNAL_JOB_RCPTS_MAX)
		return RESULT_DAMAGED;
	struct recovered_file *file = find_or_add(recovery, name, identity, seq);
	if (file != NULL && !file->is_job && file->done.max > 0)
		return RESULT_DAMAGED; /* no job has the identity of a file */
	if (file != NULL)
		file->is_job = true;
	enum result r = add_done(recovery, file, ordinal);
	if (r == RESULT_OK)
		file->kinds[ordinal] = (uint8_t)kind;
	return r;
}

enum result recovery_add_warned(struct recovery *recovery, struct text name,
	const struct file_identity *identity, bool is_job, uint32_t rcpt, uint64_t seq)
{
	if (rcpt >= (is_job ? JOURNAL_JOB_RCPTS_MAX : MESSAGE_RCPTS_MAX))
		return RESULT_DAMAGED;
	struct recovered_file *file = find_or_add(recovery, name, identity, seq);
	if (file == NULL)
		return RESULT_MEMORY;
	if (is_job && !file->is_job && file->done.max > 0)
		return RESULT_DAMAGED; /* no job has the identity of a file */
	file->is_job |= is_job;
	return set_bit(&file->warned, rcpt, is_job);
}

enum result recovery_add_rejected(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint64_t seq)
{
	struct recovered_file *file = find_or_add(recovery, name, identity, seq);
	if (file == NULL)
		return RESULT_MEMORY;
	file->rejected = true;
	return RESULT_OK;
}

enum result recovery_add_split(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint64_t seq)
{
	struct recovered_file *file = find_or_add(recovery, name, identity, seq);
	if (file == NULL)
		return RESULT_MEMORY;
	file->split = true;
	return RESULT_OK;
}

void recovery_forget(struct recovery *recovery, struct text name, const struct file_identity *identity)
{
	struct recovered_file *file = find(recovery, name);
	if (file != NULL && file_identity_equal(&file->identity, identity))
		drop(&file->node, recovery);
}

struct recovered_file *recovery_find(struct recovery *recovery, const char *name,
	const struct file_identity *identity)
{
	struct recovered_file *file = find(recovery, text_of(name));
	if (file == NULL || !file_identity_equal(&file->identity, identity))
		return NULL;
	return file;
}

bool recovered_is_done(const struct recovered_file *file, uint32_t rcpt)
{
	return has_bit(&file->done, rcpt);
}

bool recovered_is_warned(const struct recovered_file *file, uint32_t rcpt)
{
	return has_bit(&file->warned, rcpt);
}

enum event_kind recovered_kind(const struct recovered_file *file, uint32_t ordinal)
{
	CHECK(file->is_job && recovered_is_done(file, ordinal));
	return (enum event_kind)file->kinds[ordinal];
}

static bool copy_octets(uint8_t **inout_octets, size_t size)
{
	uint8_t *copy = malloc(size);
	if (copy != NULL)
		memcpy(copy, *inout_octets, size);
	*inout_octets = copy;
	return copy != NULL;
}

struct recovered_file *recovered_copy(const struct recovered_file *file)
{
	size_t size = sizeof *file + strlen(file->name) + 1;
	struct recovered_file *copy = malloc(size);
	if (copy == NULL)
		return NULL;
	memcpy(copy, file, size);
	copy->node = (struct hash_node){ 0 };
	bool is_whole = file->done.bits == NULL || copy_octets(&copy->done.bits, file->done.max / 8);
	is_whole &= file->warned.bits == NULL ||
		    copy_octets(&copy->warned.bits, file->warned.max / 8);
	is_whole &= file->kinds == NULL || copy_octets(&copy->kinds, file->done.max);
	if (is_whole)
		return copy;
	recovered_destroy(copy);
	return NULL;
}

void recovered_destroy(struct recovered_file *file)
{
	free(file->done.bits);
	free(file->warned.bits);
	free(file->kinds);
	free(file);
}
