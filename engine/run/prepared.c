#include "engine/run/prepared.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/io/file_scan.h"

/* ---- names ---- */

enum { HEX_BYTES = 2 * MESSAGE_UNIQUE_BYTES, NUMBER_DIGITS = 20 };

static const char *const prefixes[PREPARED_KINDS] = {
	[PREPARED_NOTICE] = "dsn-",
	[PREPARED_WARNING] = "delay-",
	[PREPARED_PART] = "batch-",
	[PREPARED_REST] = "rest-",
	[PREPARED_REASON] = "reason-",
};

static void put_hex(
	const char *name, const struct file_identity *identity, char out[static HEX_BYTES + 1])
{
	uint8_t unique[MESSAGE_UNIQUE_BYTES];
	struct buf buf;
	message_unique(name, identity, unique);
	buf_init(&buf, out, HEX_BYTES + 1);
	buf_put_hex(&buf, unique, sizeof unique);
	buf_put_u8(&buf, '\0');
	CHECK(!buf.overflow);
}

void prepared_name(enum prepared_kind kind, const char *name, const struct file_identity *identity,
	uint64_t number, char out[static PREPARED_NAME_SIZE])
{
	char hex[HEX_BYTES + 1];
	put_hex(name, identity, hex);
	int len = snprintf(out, PREPARED_NAME_SIZE, "%s%s-%" PRIu64, prefixes[kind], hex, number);
	CHECK(len > 0 && len < PREPARED_NAME_SIZE);
}

/* One that is in tmp/. */
struct left {
	char name[PREPARED_NAME_SIZE];
	char hex[HEX_BYTES + 1];
	enum prepared_kind kind;
	uint64_t number;
	const char *of; /* the name of its file, if the journal has the record; else NULL */
};

static bool read_name(const char *name, struct left *out)
{
	size_t kind = 0, len = strlen(name);
	while (kind < PREPARED_KINDS && strncmp(name, prefixes[kind], strlen(prefixes[kind])) != 0)
		kind++;
	if (kind == PREPARED_KINDS || len >= sizeof out->name)
		return false;
	const char *hex = name + strlen(prefixes[kind]), *number = hex + HEX_BYTES + 1;
	if (strspn(hex, "0123456789abcdef") != HEX_BYTES || hex[HEX_BYTES] != '-' ||
		*number == '\0' || strspn(number, "0123456789") != strlen(number) ||
		strlen(number) > NUMBER_DIGITS)
		return false;
	*out = (struct left){ .kind = (enum prepared_kind)kind,
		.number = strtoull(number, NULL, 10) };
	memcpy(out->name, name, len + 1);
	memcpy(out->hex, hex, HEX_BYTES);
	return true;
}

bool prepared_is_notice(const char *name)
{
	struct left left;
	return read_name(name, &left) && (left.kind == PREPARED_NOTICE || left.kind == PREPARED_WARNING);
}

/* ---- one ---- */

enum result prepared_create(int tmp_fd, const char *name, int *out_fd, struct fail *fail)
{
	enum result r = file_create(tmp_fd, name, out_fd, fail);
	if (r != RESULT_EXISTS)
		return r;
	r = file_unlink(tmp_fd, name, fail);
	return r == RESULT_OK ? file_create(tmp_fd, name, out_fd, fail) : r;
}

enum result prepared_publish(enum prepared_kind kind, const char *prepared, const char *name,
	uint64_t number, int tmp_fd, int new_fd, int bad_fd, struct fail *fail)
{
	char bad_name[FILE_NAME_BYTES_MAX + 1];
	bool is_mail = kind == PREPARED_NOTICE || kind == PREPARED_WARNING || kind == PREPARED_PART;
	snprintf(bad_name, sizeof bad_name, "%.200s.at-%" PRIu64 "%s", name, number,
		kind == PREPARED_REASON ? ".reason" : "");
	enum result r = is_mail ? file_rename(tmp_fd, prepared, new_fd, prepared, fail)
				: file_rename(tmp_fd, prepared, bad_fd, bad_name, fail);
	/* Of two batch files with one name that end badly at one offset the first is kept. */
	return r == RESULT_EXISTS ? file_unlink(tmp_fd, prepared, fail) : r;
}

/* ---- after a crash ---- */

struct all_left {
	struct left *items; /* sorted by hex */
	size_t count, size;
};

static enum result add(struct all_left *all, const struct left *left, struct fail *fail)
{
	if (all->count == all->size) {
		size_t size = all->size == 0 ? 64 : 2 * all->size;
		struct left *items = reallocarray(all->items, size, sizeof *items);
		if (items == NULL)
			return fail_set(fail, RESULT_MEMORY, "out of memory for what is in it");
		all->items = items;
		all->size = size;
	}
	all->items[all->count++] = *left;
	return RESULT_OK;
}

static enum result look_for(struct all_left *all, int tmp_fd, struct fail *fail)
{
	struct file_scan scan;
	struct file_scan_entry entry;
	struct left left;
	enum result r = file_scan_open(&scan, tmp_fd, ".", fail);
	if (r != RESULT_OK)
		return r;
	while ((r = file_scan_next(&scan, &entry, fail)) == RESULT_OK || r == RESULT_AGAIN)
		if (r == RESULT_OK && read_name(entry.name, &left) &&
			(r = add(all, &left, fail)) != RESULT_OK)
			break;
	file_scan_close(&scan);
	return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct left *)a)->hex, ((const struct left *)b)->hex);
}

/* Of a notification that tells of more recipients than one commit could hold the first one decides: that
 * somebody is told of twice is better than never. */
static bool is_recorded(const struct recovered_file *file, const struct left *left)
{
	if (left->kind != PREPARED_NOTICE && left->kind != PREPARED_WARNING)
		return file->split;
	if (left->number >= UINT32_MAX)
		return false;
	uint32_t rcpt = (uint32_t)left->number;
	return left->kind == PREPARED_NOTICE ? recovered_is_done(file, rcpt)
					     : recovered_is_warned(file, rcpt);
}

/* All that are of this file stand side by side. */
static void mark_recorded(struct hash_node *node, void *context)
{
	const struct recovered_file *file = CONTAINER_OF(node, struct recovered_file, node);
	struct all_left *all = context;
	struct left wanted;
	put_hex(file->name, &file->identity, wanted.hex);
	struct left *left = bsearch(&wanted, all->items, all->count, sizeof wanted, compare);
	if (left == NULL)
		return;
	while (left > all->items && compare(&wanted, left - 1) == 0)
		left--;
	for (; left < all->items + all->count && compare(&wanted, left) == 0; left++)
		if (is_recorded(file, left))
			left->of = file->name;
}

enum result prepared_restore(
	int tmp_fd, int new_fd, int bad_fd, struct recovery *recovery, struct fail *fail)
{
	struct all_left all = { .items = NULL };
	enum result r = look_for(&all, tmp_fd, fail);
	if (r == RESULT_OK && all.count > 0) {
		qsort(all.items, all.count, sizeof all.items[0], compare);
		hash_map_for_each(&recovery->files, mark_recorded, &all);
	}
	for (size_t i = 0; i < all.count && r == RESULT_OK; i++) {
		const struct left *left = &all.items[i];
		r = left->of == NULL ? file_unlink(tmp_fd, left->name, fail)
				     : prepared_publish(left->kind, left->name, left->of,
					       left->number, tmp_fd, new_fd, bad_fd, fail);
	}
	free(all.items);
	return r == RESULT_OK ? r : fail_prefix(fail, "tmp/");
}
