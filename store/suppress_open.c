#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/buf.h"
#include "store/cache_internal.h"
#include "store/lmdb_open.h"
#include "store/suppress_internal.h"

enum {
	/* Tools and one sender. */
	READERS_MAX = 64,
};

/* Sparse, and the same in every version, so that all processes agree: a hundred million addresses. */
#define MAP_BYTES (UINT64_C(16) << 30)

/* ---- the folder ---- */

/* The tools may be run by the superuser, and the sender must be able to read what they made. */
static int give_to_owner(const char *state, const char *path)
{
	struct stat st;
	if (geteuid() != 0)
		return 0;
	return stat(state, &st) == 0 && lchown(path, st.st_uid, st.st_gid) == 0 ? 0 : errno;
}

static enum result make_folder(const struct suppress *s, const char *state, struct fail *fail)
{
	if (mkdir(s->folder, 0700) != 0)
		return errno == EEXIST ? RESULT_OK
				       : fail_set_errno(fail, errno, "cannot make the directory %s",
						 s->folder);
	int error = give_to_owner(state, s->folder);
	return error == 0 ? RESULT_OK
			  : fail_set_errno(fail, error, "cannot give %s to its owner", s->folder);
}

static int give_files(const struct suppress *s, const char *state)
{
	static const char *const names[] = { "data.mdb", "lock.mdb" };
	char path[PATH_MAX];
	int error = 0;
	for (size_t i = 0; i < COUNT_OF(names) && error == 0; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
		error = give_to_owner(state, path);
	}
	return error;
}

/* ---- the head, under a key that no address is ---- */

static MDB_val head_key(void)
{
	static char zero = 0;
	return (MDB_val){ 1, &zero };
}

static int put_head(struct suppress *s)
{
	uint8_t memory[8];
	struct buf buf;
	MDB_txn *txn;
	buf_init(&buf, memory, sizeof memory);
	buf_put_u32(&buf, SUPPRESS_MAGIC);
	buf_put_u32(&buf, SUPPRESS_VERSION);
	MDB_val key = head_key(), value = suppress_val(buf_text(&buf));
	int error = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (error != 0)
		return error;
	/* Another may have been first; its head is as good. */
	error = mdb_put(txn, s->dbi, &key, &value, MDB_NOOVERWRITE);
	if (error == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return error == MDB_KEYEXIST ? 0 : error;
}

static enum result check_head(struct suppress *s, MDB_txn *txn, bool *out_empty, struct fail *fail)
{
	MDB_val key = head_key(), value;
	struct buf_reader reader;
	int error = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (error == 0)
		error = mdb_get(txn, s->dbi, &key, &value);
	*out_empty = error == MDB_NOTFOUND;
	if (*out_empty)
		return RESULT_OK;
	if (error != 0)
		return suppress_fail(s, error, "open", fail);
	buf_reader_init(&reader, value.mv_data, value.mv_size);
	bool is_ours = buf_reader_u32(&reader) == SUPPRESS_MAGIC;
	uint32_t version = buf_reader_u32(&reader);
	if (!is_ours || !buf_reader_done(&reader))
		return suppress_damaged(s, "it has no head", fail);
	if (version != SUPPRESS_VERSION)
		return fail_set(fail, RESULT_CHANGED,
			"the suppression list %s has version %u instead of %d: list it with the longship "
			"that wrote it, and import that into a new one",
			s->folder, version, SUPPRESS_VERSION);
	return RESULT_OK;
}

/* ---- the environment ---- */

static enum result open_content(struct suppress *s, bool for_writing, struct fail *fail)
{
	char why[200];
	MDB_txn *txn;
	bool is_empty = false;
	int dead;
	(void)mdb_reader_check(s->env, &dead);
	int error = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (error != 0)
		return suppress_fail(s, error, "open", fail);
	enum result r = cache_pages_are_good(s->env, txn, why, sizeof why)
				? check_head(s, txn, &is_empty, fail)
				: suppress_damaged(s, why, fail);
	error = mdb_txn_commit(txn); /* so that the handle stays */
	if (r == RESULT_OK && error == 0 && is_empty && for_writing)
		error = put_head(s);
	if (r == RESULT_OK && error == 0)
		error = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->reader);
	if (r != RESULT_OK || error != 0)
		return r != RESULT_OK ? r : suppress_fail(s, error, "open", fail);
	mdb_txn_reset(s->reader);
	return RESULT_OK;
}

/* LMDB believes what the first pages say. */
static enum result check_front(const struct suppress *s, struct fail *fail)
{
	char why[200];
	int fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return suppress_damaged(s, "it is no directory", fail);
	if (fd < 0)
		return fail_set_errno(fail, errno, "cannot open the directory %s", s->folder);
	bool is_good = cache_head_pages_are_good(fd, MAP_BYTES, why, sizeof why);
	(void)close(fd);
	return is_good ? RESULT_OK : suppress_damaged(s, why, fail);
}

static enum result open_env(
	struct suppress *s, const char *state, bool for_writing, struct fail *fail)
{
	struct stat st;
	if (stat(s->folder, &st) != 0 && errno == ENOENT && !for_writing)
		return fail_set(
			fail, RESULT_NOT_FOUND, "there is no suppression list in %s", state);
	enum result r = for_writing ? make_folder(s, state, fail) : RESULT_OK;
	if (r != RESULT_OK)
		return r;
	r = check_front(s, fail);
	if (r != RESULT_OK)
		return r;
	uint64_t map_bytes = MAP_BYTES;
	int error = lmdb_open(
		s->folder, &map_bytes, READERS_MAX, MDB_NOTLS | (for_writing ? 0 : MDB_RDONLY), &s->env);
	if (error == ENOENT && !for_writing)
		return fail_set(
			fail, RESULT_NOT_FOUND, "there is no suppression list in %s", state);
	if (error == 0 && for_writing)
		error = give_files(s, state);
	return error == 0 ? open_content(s, for_writing, fail)
			  : suppress_fail(s, error, "open", fail);
}

enum result suppress_open(
	const char *state, bool for_writing, struct suppress **out_suppress, struct fail *fail)
{
	*out_suppress = NULL;
	struct suppress *s = calloc(1, sizeof *s);
	size_t size = strlen(state) + sizeof "/suppress";
	char *folder = malloc(size);
	if (s == NULL || folder == NULL) {
		free(s);
		free(folder);
		return fail_set(fail, RESULT_MEMORY, "no memory for the suppression list");
	}
	(void)snprintf(folder, size, "%s/suppress", state);
	s->magic = SUPPRESS_MAGIC;
	s->folder = folder;
	enum result r =
		size + sizeof "/data.mdb" > PATH_MAX
			? fail_set(fail, RESULT_TOO_LONG, "the path of the spool is too long")
			: open_env(s, state, for_writing, fail);
	if (r != RESULT_OK)
		suppress_close(&s);
	*out_suppress = s;
	return r;
}

void suppress_close(struct suppress **suppress)
{
	struct suppress *s = *suppress;
	if (s == NULL)
		return;
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	if (s->writer != NULL)
		mdb_txn_abort(s->writer);
	if (s->reader != NULL)
		mdb_txn_abort(s->reader);
	if (s->env != NULL)
		mdb_env_close(s->env);
	free(s->folder);
	s->magic = 0;
	free(s);
	*suppress = NULL;
}
