/* Opens an LMDB environment with as much of its map as the process may have.
 *
 * Maps are sparse and far larger than what will ever lie in them. Where the address space is short
 * (RLIMIT_AS, valgrind) a quarter is tried, and a quarter of that, down to LMDB_MAP_BYTES_MIN; LMDB
 * itself takes no less than what the file holds. */
#ifndef STORE_LMDB_OPEN_H
#define STORE_LMDB_OPEN_H

#include <lmdb.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"

#define LMDB_MAP_BYTES_MIN (UINT64_C(1) << 30)

/* 0 or an error of LMDB or errno, *out_env being NULL then. *map_bytes: wanted, then what it became. */
MUST_USE int lmdb_open(const char *folder, uint64_t *map_bytes, unsigned readers_max,
	unsigned flags, MDB_env **out_env);

/* The error as people know it: of a write that found room for a part only LMDB says EIO, as of a disk that is
 * broken; where the file system has nothing left it is ENOSPC. `env` may be NULL. */
int lmdb_error(MDB_env *env, int error);

/* What an error of LMDB or errno means for a store that must not lose anything: what LMDB itself complains of
 * is RESULT_DAMAGED. (The cache, which may be rebuilt, is told apart: cache.c.) */
enum result lmdb_result(int error);

#endif
