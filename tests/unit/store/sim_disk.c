#include "tests/unit/store/sim_disk.h"
#include <stdlib.h>
#include <string.h>
#include "store/disk.h"
#include "tests/unit/unit.h"

enum {
	FILES_MAX = 256, /* that ever were, between two resets or losses of power */
	WRITES_MAX = 4096,
	CHANGES_MAX = 512,
	OPEN_MAX = 16,
	NAME_SIZE = 40,
	SECTOR_BYTES = 512,
	BLOCK_BYTES = 4096,
	FOLDER = 1000,   /* the folder's descriptor; files have 0 to OPEN_MAX - 1 */
};

struct bytes { uint8_t *data; size_t len; };

struct sim_file {
	struct bytes visible, lasting;
	char name[NAME_SIZE];         /* visible; empty: removed */
	char lasting_name[NAME_SIZE];
};

/* A write or (data NULL) a new length that has not been synced. */
struct unsynced { struct sim_file *file; uint8_t *data; size_t len, offset; };
/* The file's name was changed to this; empty: removed. */
struct change { struct sim_file *file; char name[NAME_SIZE]; };

static struct {
	struct sim_file *files[FILES_MAX];
	size_t files_count;
	struct unsynced unsynced[WRITES_MAX];
	size_t unsynced_count;
	struct change changes[CHANGES_MAX];
	size_t changes_count;
	struct sim_file *open[OPEN_MAX];
	uint64_t calls_left, syncs_left, space;
	bool dead, fails_zero;
	uint64_t seed;
	uint64_t made, removed, syncs, written;
} disk;

static void set_name(char to[NAME_SIZE], const char *from)
{
	assert_true(strlen(from) < NAME_SIZE);
	memcpy(to, from, strlen(from) + 1);
}

static void set_len(struct bytes *bytes, size_t len)
{
	uint8_t *data = realloc(bytes->data, len > 0 ? len : 1);
	assert_non_null(data);
	if (len > bytes->len)
		memset(data + bytes->len, 0, len - bytes->len);
	*bytes = (struct bytes){ data, len };
}

static void put_bytes(struct bytes *bytes, const uint8_t *data, size_t len, size_t offset)
{
	if (offset + len > bytes->len)
		set_len(bytes, offset + len);
	memcpy(bytes->data + offset, data, len);
}

void sim_disk_reset(uint64_t seed)
{
	for (size_t i = 0; i < disk.files_count; i++) {
		free(disk.files[i]->visible.data);
		free(disk.files[i]->lasting.data);
		free(disk.files[i]);
	}
	for (size_t i = 0; i < disk.unsynced_count; i++)
		free(disk.unsynced[i].data);
	memset(&disk, 0, sizeof disk);
	disk.calls_left = disk.syncs_left = disk.space = UINT64_MAX;
	disk.seed = seed;
}

void sim_disk_fail_after(uint64_t calls) { disk.calls_left = calls; }
void sim_disk_fail_zero(void) { disk.fails_zero = true; }
void sim_disk_set_space(uint64_t bytes) { disk.space = bytes; }
void sim_disk_fail_sync(uint64_t syncs) { disk.syncs_left = syncs > 0 ? syncs : UINT64_MAX; }

static struct sim_file *find(const char *name)
{
	for (size_t i = 0; i < disk.files_count; i++) {
		if (strcmp(disk.files[i]->name, name) == 0)
			return disk.files[i];
	}
	return NULL;
}

static struct sim_file *make(const char *name)
{
	assert_true(disk.files_count < FILES_MAX && strlen(name) < NAME_SIZE);
	struct sim_file *file = calloc(1, sizeof *file);
	assert_non_null(file);
	set_name(file->name, name);
	set_len(&file->visible, 0);
	set_len(&file->lasting, 0);
	return disk.files[disk.files_count++] = file;
}

/* ---- the loss of power ---- */

/* A block that was being written when the power went may hold anything (a shorn write). */
static void spoil(const struct unsynced *u)
{
	size_t blocks = (u->len + BLOCK_BYTES - 1) / BLOCK_BYTES;
	size_t start = (u->offset / BLOCK_BYTES + (size_t)seeded_below(&disk.seed, blocks)) * BLOCK_BYTES;
	for (size_t i = 0; i < BLOCK_BYTES && start + i < u->file->lasting.len; i++)
		u->file->lasting.data[start + i] = (uint8_t)seeded_next(&disk.seed);
}

/* Each sector of the write by itself, with odds of so many quarters. */
static void survive(const struct unsynced *u, unsigned odds)
{
	if (u->data == NULL) {
		if (seeded_below(&disk.seed, 4) < odds)
			set_len(&u->file->lasting, u->len);
		return;
	}
	for (size_t at = 0; at < u->len;) {
		size_t len = SECTOR_BYTES - (u->offset + at) % SECTOR_BYTES;
		if (len > u->len - at)
			len = u->len - at;
		if (seeded_below(&disk.seed, 4) < odds)
			put_bytes(&u->file->lasting, u->data + at, len, u->offset + at);
		at += len;
	}
}

/* Of each file a first part of the changes to its name; no order among the files is promised. */
static void lose_changes(void)
{
	struct sim_file *stopped[FILES_MAX];
	size_t stopped_count = 0;
	unsigned odds = (unsigned)seeded_below(&disk.seed, 5);
	for (size_t i = 0; i < disk.changes_count; i++) {
		const struct change *change = &disk.changes[i];
		bool lost = seeded_below(&disk.seed, 4) >= odds;
		for (size_t k = 0; k < stopped_count; k++)
			lost |= stopped[k] == change->file;
		if (!lost)
			set_name(change->file->lasting_name, change->name);
		else if (stopped_count < FILES_MAX)
			stopped[stopped_count++] = change->file;
	}
	disk.changes_count = 0;
}

static void revive(void)
{
	memset(disk.open, 0, sizeof disk.open);
	disk.calls_left = disk.syncs_left = UINT64_MAX;
	disk.dead = false;
}

void sim_disk_lose_power(void)
{
	unsigned odds = (unsigned)seeded_below(&disk.seed, 5); /* none, some, most, all */
	for (size_t i = 0; i < disk.unsynced_count; i++) {
		survive(&disk.unsynced[i], odds);
		if (disk.unsynced[i].data != NULL && seeded_below(&disk.seed, 16) == 0)
			spoil(&disk.unsynced[i]);
		free(disk.unsynced[i].data);
	}
	disk.unsynced_count = 0;
	lose_changes();
	size_t kept = 0;
	for (size_t i = 0; i < disk.files_count; i++) {
		struct sim_file *file = disk.files[i];
		if (file->lasting_name[0] == '\0') {
			free(file->visible.data);
			free(file->lasting.data);
			free(file);
			continue;
		}
		set_name(file->name, file->lasting_name);
		set_len(&file->visible, file->lasting.len);
		memcpy(file->visible.data, file->lasting.data, file->lasting.len);
		disk.files[kept++] = file;
	}
	disk.files_count = kept;
	revive();
}

void sim_disk_kill(void) { revive(); }

/* ---- looking and changing from outside ---- */

uint8_t *sim_disk_bytes(const char *name, size_t *out_len)
{
	struct sim_file *file = find(name);
	*out_len = file != NULL ? file->visible.len : 0;
	return file != NULL ? file->visible.data : NULL;
}

void sim_disk_put(const char *name, const uint8_t *data, size_t len)
{
	struct sim_file *file = find(name);
	if (file == NULL)
		file = make(name);
	set_name(file->lasting_name, name);
	set_len(&file->visible, 0);
	set_len(&file->lasting, 0);
	put_bytes(&file->visible, data, len, 0);
	put_bytes(&file->lasting, data, len, 0);
}

void sim_disk_cut(const char *name, size_t len)
{
	struct sim_file *file = find(name);
	assert_non_null(file);
	set_len(&file->visible, len);
	set_len(&file->lasting, len);
}

size_t sim_disk_files_count(void)
{
	size_t count = 0;
	for (size_t i = 0; i < disk.files_count; i++)
		count += disk.files[i]->name[0] != '\0';
	return count;
}

size_t sim_disk_count(const char *prefix)
{
	size_t count = 0;
	for (size_t i = 0; i < disk.files_count; i++)
		count += strncmp(disk.files[i]->name, prefix, strlen(prefix)) == 0;
	return count;
}

uint64_t sim_disk_made(void) { return disk.made; }
uint64_t sim_disk_removed(void) { return disk.removed; }
uint64_t sim_disk_syncs(void) { return disk.syncs; }
uint64_t sim_disk_written(void) { return disk.written; }

size_t sim_disk_open_count(void)
{
	size_t count = 0;
	for (size_t i = 0; i < OPEN_MAX; i++)
		count += disk.open[i] != NULL;
	return count;
}

/* ---- store/disk.h ---- */

/* True: power has failed. `*out_last`: in this very call, whose work may be done or not. */
static bool power_failed(bool *out_last)
{
	*out_last = false;
	if (disk.dead)
		return true;
	if (disk.calls_left != UINT64_MAX && disk.calls_left-- == 0)
		disk.dead = *out_last = true;
	return disk.dead;
}

static enum result no_power(struct fail *fail)
{
	return fail_set(fail, RESULT_IO, "no power");
}

static void note_change(struct sim_file *file, const char *name)
{
	assert_true(disk.changes_count < CHANGES_MAX);
	struct change *change = &disk.changes[disk.changes_count++];
	change->file = file;
	set_name(change->name, name);
	set_name(file->name, name);
}

enum result disk_open_folder(const char *path, int *out_folder, struct fail *fail)
{
	bool last;
	(void)path;
	*out_folder = FOLDER;
	return power_failed(&last) ? no_power(fail) : RESULT_OK;
}

enum result disk_sync_folder(int folder, struct fail *fail)
{
	bool last;
	assert_int_equal(folder, FOLDER);
	if (power_failed(&last))
		return no_power(fail);
	if (disk.syncs_left != UINT64_MAX && --disk.syncs_left == 0) {
		disk.syncs_left = UINT64_MAX;
		return fail_set(fail, RESULT_IO, "sync failed");
	}
	for (size_t i = 0; i < disk.changes_count; i++)
		set_name(disk.changes[i].file->lasting_name, disk.changes[i].name);
	disk.changes_count = 0;
	return RESULT_OK;
}

enum result disk_list_folder(int folder, disk_visit_fn *visit, void *context, struct fail *fail)
{
	bool last;
	assert_int_equal(folder, FOLDER);
	if (power_failed(&last))
		return no_power(fail);
	for (size_t i = 0; i < disk.files_count; i++) {
		/* Newest first: no order may be relied upon. */
		const struct sim_file *file = disk.files[disk.files_count - 1 - i];
		enum result result = file->name[0] != '\0' ? visit(file->name, context) : RESULT_OK;
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}

enum result disk_rename(int folder, const char *from, const char *to, struct fail *fail)
{
	bool last, failed = power_failed(&last);
	struct sim_file *file = find(from), *replaced = find(to);
	assert_int_equal(folder, FOLDER);
	if (failed && !last)
		return no_power(fail);
	if (file == NULL)
		return fail_set(fail, RESULT_NOT_FOUND, "no %s", from);
	assert_null(replaced);
	note_change(file, to);
	return failed ? no_power(fail) : RESULT_OK;
}

enum result disk_remove(int folder, const char *name, struct fail *fail)
{
	bool last, failed = power_failed(&last);
	struct sim_file *file = find(name);
	assert_int_equal(folder, FOLDER);
	if (failed && !last)
		return no_power(fail);
	if (file == NULL)
		return fail_set(fail, RESULT_NOT_FOUND, "no %s", name);
	note_change(file, "");
	disk.removed++;
	return failed ? no_power(fail) : RESULT_OK;
}

void disk_try_remove(int folder, const char *name)
{
	enum result ignored = disk_remove(folder, name, NULL);
	(void)ignored;
}

enum result disk_open(int folder, const char *name, bool create, int *out_fd, struct fail *fail)
{
	bool last, failed = power_failed(&last);
	struct sim_file *file = find(name);
	assert_int_equal(folder, FOLDER);
	*out_fd = -1;
	if (failed && !(last && create))
		return no_power(fail);
	if (create && file != NULL)
		return fail_set(fail, RESULT_EXISTS, "%s is there", name);
	if (!create && file == NULL)
		return fail_set(fail, RESULT_NOT_FOUND, "no %s", name);
	if (create) {
		file = make(name);
		note_change(file, name);
		disk.made++;
	}
	if (failed)
		return no_power(fail);
	for (int i = 0; i < OPEN_MAX; i++) {
		if (disk.open[i] == NULL) {
			disk.open[i] = file;
			*out_fd = i;
			return RESULT_OK;
		}
	}
	fail_msg("descriptors leak");
	return RESULT_LIMIT;
}

void disk_close(int fd)
{
	if (fd >= 0 && fd < OPEN_MAX)
		disk.open[fd] = NULL;
}

static struct sim_file *file_of(int fd)
{
	assert_true(fd >= 0 && fd < OPEN_MAX && disk.open[fd] != NULL);
	return disk.open[fd];
}

static void note_unsynced(struct sim_file *file, const void *data, size_t len, size_t offset)
{
	assert_true(disk.unsynced_count < WRITES_MAX);
	struct unsynced *u = &disk.unsynced[disk.unsynced_count++];
	*u = (struct unsynced){ .file = file, .len = len, .offset = offset };
	if (data != NULL) {
		u->data = malloc(len > 0 ? len : 1);
		assert_non_null(u->data);
		memcpy(u->data, data, len);
	}
}

enum result disk_truncate(int fd, uint64_t bytes, struct fail *fail)
{
	bool last, failed = power_failed(&last);
	if (failed && !last)
		return no_power(fail);
	set_len(&file_of(fd)->visible, (size_t)bytes);
	note_unsynced(file_of(fd), NULL, (size_t)bytes, 0);
	return failed ? no_power(fail) : RESULT_OK;
}

enum result disk_reserve(int fd, uint64_t bytes, struct fail *fail)
{
	uint64_t used = 0;
	for (size_t i = 0; i < disk.files_count; i++) {
		if (disk.files[i]->name[0] != '\0')
			used += disk.files[i]->visible.len;
	}
	if (used + bytes > disk.space)
		return fail_set(fail, RESULT_NO_SPACE, "disk full");
	return disk_truncate(fd, bytes, fail);
}

enum result disk_zero(int fd, uint64_t offset, uint64_t bytes, struct fail *fail)
{
	if (disk.fails_zero) {
		disk.fails_zero = false;
		return fail_set(fail, RESULT_IO, "cannot write");
	}
	uint8_t *zeros = calloc(1, (size_t)bytes);
	assert_non_null(zeros);
	enum result result = disk_write_at(fd, zeros, (size_t)bytes, offset, fail);
	free(zeros);
	return result;
}

enum result disk_allocate(int fd, uint64_t bytes, struct fail *fail)
{
	enum result result = disk_reserve(fd, bytes, fail);
	if (result == RESULT_OK)
		result = disk_zero(fd, 0, bytes, fail);
	return result == RESULT_OK ? disk_sync(fd, fail) : result;
}

enum result disk_size(int fd, uint64_t *out_bytes, struct fail *fail)
{
	bool last;
	*out_bytes = 0;
	if (power_failed(&last))
		return no_power(fail);
	*out_bytes = file_of(fd)->visible.len;
	return RESULT_OK;
}

enum result disk_read_at(
	int fd, void *data, size_t len, uint64_t offset, size_t *out_len, struct fail *fail)
{
	bool last;
	*out_len = 0;
	if (power_failed(&last))
		return no_power(fail);
	const struct bytes *bytes = &file_of(fd)->visible;
	if (offset < bytes->len)
		*out_len = len < bytes->len - offset ? len : bytes->len - offset;
	if (*out_len > 0)
		memcpy(data, bytes->data + offset, *out_len);
	return RESULT_OK;
}

enum result disk_write_at(
	int fd, const void *data, size_t len, uint64_t offset, struct fail *fail)
{
	bool last, failed = power_failed(&last);
	if (failed && !last)
		return no_power(fail);
	put_bytes(&file_of(fd)->visible, data, len, (size_t)offset);
	disk.written += len;
	note_unsynced(file_of(fd), data, len, (size_t)offset);
	return failed ? no_power(fail) : RESULT_OK;
}

enum result disk_sync(int fd, struct fail *fail)
{
	bool last;
	size_t kept = 0;
	struct sim_file *file = file_of(fd);
	if (power_failed(&last))
		return no_power(fail);
	disk.syncs++;
	if (disk.syncs_left != UINT64_MAX && --disk.syncs_left == 0) {
		disk.syncs_left = UINT64_MAX;
		return fail_set(fail, RESULT_IO, "sync failed");
	}
	for (size_t i = 0; i < disk.unsynced_count; i++) {
		struct unsynced u = disk.unsynced[i];
		if (u.file != file) {
			disk.unsynced[kept++] = u;
			continue;
		}
		if (u.data != NULL)
			put_bytes(&file->lasting, u.data, u.len, u.offset);
		else
			set_len(&file->lasting, u.len);
		free(u.data);
	}
	disk.unsynced_count = kept;
	return RESULT_OK;
}
