#include "engine/run/notice.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/file_scan.h"

/* When it is tried again to tell of a lifetime that is over. */
#define EXPIRE_AGAIN_NS (5 * 60 * SECOND_NS)

enum bounce_option { BOUNCE_SINGLE, BOUNCE_DSN, BOUNCE_EVENT }; /* as in options.def */

/* ---- who is told ---- */

static bool is_in_option(const struct run_config *config, const struct envelope *envelope,
	const struct envelope_rcpt *rcpt)
{
	switch ((enum bounce_option)config->options->bounce) {
	case BOUNCE_SINGLE:
		return text_is_empty(envelope->job) || envelope_notify_given(rcpt->notify);
	case BOUNCE_DSN:
		return true;
	case BOUNCE_EVENT:
		return false;
	}
	UNREACHABLE("a fourth way to tell of failures");
}

static bool host_lacks_dsn(const struct attempt *attempt, const struct attempt_rcpt *rcpt)
{
	return attempt->work != NULL && attempt->work->facts[rcpt->facts].lacks_dsn;
}

bool notice_is_due(const struct run_config *config, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, enum notification_action *out_action)
{
	const struct envelope *envelope = attempt->message->envelope;
	const struct envelope_rcpt *address = &envelope->rcpts[rcpt->rcpt];
	if (attempt->message->rcpt != NULL) /* a job directory tells by events alone */
		return false;
	if (rcpt->fate == ATTEMPT_BOUNCED || rcpt->fate == ATTEMPT_EXPIRED)
		*out_action = NOTIFICATION_FAILED;
	else if (rcpt->fate == ATTEMPT_DELIVERED && host_lacks_dsn(attempt, rcpt))
		*out_action = NOTIFICATION_RELAYED;
	else
		return false;
	return notification_is_wanted(envelope, address, *out_action) &&
		is_in_option(config, envelope, address);
}

uint32_t notice_mark(const struct run_config *config, struct attempt *attempt)
{
	uint32_t count = 0;
	enum notification_action action;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		rcpt->has_notice = notice_is_due(config, attempt, rcpt, &action);
		count += rcpt->has_notice;
	}
	return count;
}

/* What was delivered stays so: only the failures are told again. */
void notice_defer(struct attempt *attempt, uint64_t now_ns, enum result result)
{
	char why[120];
	bool is_over = false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (!rcpt->has_notice || rcpt->fate == ATTEMPT_DELIVERED)
			continue;
		is_over |= rcpt->fate == ATTEMPT_EXPIRED;
		rcpt->fate = ATTEMPT_DEFERRED;
	}
	if (is_over)
		attempt->expires_ns = now_ns + EXPIRE_AGAIN_NS;
	snprintf(why, sizeof why, "its sender could not be told that it failed (%s)", result_text(result));
	if (attempt_begin_work(attempt))
		attempt_add_reason(attempt, "", NULL, why);
}

/* ---- names ---- */

#define PREFIX "dsn-"

static void put_name(struct buf *out, const uint8_t unique[static MESSAGE_UNIQUE_BYTES], uint32_t rcpt)
{
	buf_put_cstr(out, PREFIX);
	buf_put_hex(out, unique, MESSAGE_UNIQUE_BYTES);
	buf_put_u8(out, '-');
	buf_put_number(out, rcpt);
	buf_put_u8(out, '\0');
	CHECK(!out->overflow);
}

void notice_name(const struct message *message, uint32_t rcpt, char out[static NOTICE_NAME_SIZE])
{
	uint8_t unique[MESSAGE_UNIQUE_BYTES];
	struct buf buf;
	buf_init(&buf, out, NOTICE_NAME_SIZE);
	message_unique(message->name, &message->identity, unique);
	put_name(&buf, unique, rcpt);
}

/* ---- after a crash ---- */

struct left_notice {
	char name[NOTICE_NAME_SIZE];
	bool is_recorded;
};

struct left_notices {
	struct left_notice *items; /* sorted by name */
	size_t count, size;
};

/* As put_name() makes them. */
static bool is_name(const char *name)
{
	size_t digits_at = sizeof PREFIX - 1 + 2 * MESSAGE_UNIQUE_BYTES + 1;
	size_t len = strlen(name);
	if (len <= digits_at || len >= NOTICE_NAME_SIZE || strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
		return false;
	const char *hex = name + sizeof PREFIX - 1;
	return strspn(hex, "0123456789abcdef") == 2 * (size_t)MESSAGE_UNIQUE_BYTES &&
		name[digits_at - 1] == '-' && strspn(name + digits_at, "0123456789") == len - digits_at;
}

static enum result add(struct left_notices *left, const char *name, struct fail *fail)
{
	if (left->count == left->size) {
		size_t size = left->size == 0 ? 64 : 2 * left->size;
		struct left_notice *items = reallocarray(left->items, size, sizeof *items);
		if (items == NULL)
			return fail_set(fail, RESULT_MEMORY, "out of memory for the notifications in tmp/");
		left->items = items;
		left->size = size;
	}
	struct left_notice *item = &left->items[left->count++];
	*item = (struct left_notice){ .is_recorded = false };
	memcpy(item->name, name, strlen(name) + 1);
	return RESULT_OK;
}

static enum result look_for(struct left_notices *left, int tmp_fd, struct fail *fail)
{
	struct file_scan scan;
	struct file_scan_entry entry;
	enum result r = file_scan_open(&scan, tmp_fd, ".", fail);
	if (r != RESULT_OK)
		return r;
	while ((r = file_scan_next(&scan, &entry, fail)) == RESULT_OK || r == RESULT_AGAIN)
		if (r == RESULT_OK && is_name(entry.name) && (r = add(left, entry.name, fail)) != RESULT_OK)
			break;
	file_scan_close(&scan);
	return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct left_notice *)a)->name, ((const struct left_notice *)b)->name);
}

static int compare_stem(const void *stem, const void *item)
{
	return strncmp(stem, ((const struct left_notice *)item)->name, strlen(stem));
}

/* All that are of this file stand side by side. */
static void mark_recorded(struct hash_node *node, void *context)
{
	const struct recovered_file *file = CONTAINER_OF(node, struct recovered_file, node);
	struct left_notices *left = context;
	uint8_t unique[MESSAGE_UNIQUE_BYTES];
	char stem[NOTICE_NAME_SIZE];
	struct buf buf;
	message_unique(file->name, &file->identity, unique);
	buf_init(&buf, stem, sizeof stem);
	put_name(&buf, unique, 0);
	size_t stem_len = strlen(stem) - 1; /* without the 0 */
	stem[stem_len] = '\0';
	struct left_notice *item =
		bsearch(stem, left->items, left->count, sizeof left->items[0], compare_stem);
	if (item == NULL)
		return;
	while (item > left->items && compare_stem(stem, item - 1) == 0)
		item--;
	for (; item < left->items + left->count && compare_stem(stem, item) == 0; item++) {
		unsigned long rcpt = strtoul(item->name + stem_len, NULL, 10);
		item->is_recorded = rcpt < MESSAGE_RCPTS_MAX && recovered_is_done(file, (uint32_t)rcpt);
	}
}

static enum result settle(const struct left_notice *item, int tmp_fd, int new_fd, struct fail *fail)
{
	enum result r = RESULT_EXISTS;
	if (item->is_recorded)
		r = file_rename(tmp_fd, item->name, new_fd, item->name, fail);
	if (r == RESULT_EXISTS) /* or it was not recorded: the recipient is tried again */
		r = file_unlink(tmp_fd, item->name, fail);
	return r;
}

enum result notice_restore(int tmp_fd, int new_fd, struct recovery *recovery, struct fail *fail)
{
	struct left_notices left = { .items = NULL };
	enum result r = look_for(&left, tmp_fd, fail);
	if (r == RESULT_OK && left.count > 0) {
		qsort(left.items, left.count, sizeof left.items[0], compare);
		hash_map_for_each(&recovery->files, mark_recorded, &left);
	}
	for (size_t i = 0; i < left.count && r == RESULT_OK; i++)
		r = settle(&left.items[i], tmp_fd, new_fd, fail);
	free(left.items);
	return r == RESULT_OK ? r : fail_prefix(fail, "notifications in tmp/");
}
