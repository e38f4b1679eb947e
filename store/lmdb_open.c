#include "store/lmdb_open.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/statvfs.h>

enum {
	FILE_MODE = 0600,
	SMALLER = 4,
	/* Less than a page of LMDB's with those that lead to it. */
	FULL_BYTES = 64 * 1024,
};

static int open_once(const char *folder, uint64_t map_bytes, unsigned readers_max, unsigned flags,
	MDB_env **out_env)
{
	int error = mdb_env_create(out_env);
	if (error != 0) {
		*out_env = NULL;
		return error;
	}
	error = mdb_env_set_mapsize(*out_env, map_bytes);
	if (error == 0)
		error = mdb_env_set_maxreaders(*out_env, readers_max);
	if (error == 0)
		error = mdb_env_open(*out_env, folder, flags, FILE_MODE);
	if (error != 0) {
		mdb_env_close(*out_env);
		*out_env = NULL;
	}
	return error;
}

/* Valgrind 3.19 has no 64 GiB to give and calls them an invalid argument. */
static bool may_be_too_large(int error) { return error == ENOMEM || error == EINVAL; }

int lmdb_open(const char *folder, uint64_t *map_bytes, unsigned readers_max, unsigned flags,
	MDB_env **out_env)
{
	int error = open_once(folder, *map_bytes, readers_max, flags, out_env);
	while (may_be_too_large(error) && *map_bytes / SMALLER >= LMDB_MAP_BYTES_MIN) {
		*map_bytes /= SMALLER;
		error = open_once(folder, *map_bytes, readers_max, flags, out_env);
	}
	return error;
}

int lmdb_error(MDB_env *env, int error)
{
	mdb_filehandle_t fd;
	struct statvfs room;
	if (error != EIO || env == NULL || mdb_env_get_fd(env, &fd) != 0 || fstatvfs(fd, &room) != 0)
		return error;
	return room.f_bfree * room.f_frsize < FULL_BYTES ? ENOSPC : error;
}

enum result lmdb_result(int error)
{
	switch (error) {
	case MDB_VERSION_MISMATCH:
	case MDB_MAP_RESIZED: return RESULT_CHANGED;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL: return RESULT_NO_SPACE;
	case MDB_READERS_FULL: return RESULT_LIMIT;
	case ENOMEM: return RESULT_MEMORY;
	default: return error > 0 ? result_of_errno(error) : RESULT_DAMAGED;
	}
}
