/* The inside of the suppression list, shared by suppress.c (look-ups, walks, changes) and suppress_open.c. */
#ifndef STORE_SUPPRESS_INTERNAL_H
#define STORE_SUPPRESS_INTERNAL_H

#include <lmdb.h>
#include "store/suppress.h"

enum {
	SUPPRESS_MAGIC = 0x4c535355, /* "LSSU" */
	SUPPRESS_VERSION = 1,
	/* Version, time, reason with its length, checksum. */
	SUPPRESS_VALUE_MAX = 1 + 8 + 2 + SUPPRESS_REASON_MAX + 4,
};

struct suppress {
	uint32_t magic;
	char *folder; /* STATE/suppress */
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *reader; /* reset between look-ups */
	MDB_txn *writer; /* NULL: nothing was changed since the last commit */
	size_t changes;
	uint8_t found[SUPPRESS_VALUE_MAX];
};

static inline MDB_val suppress_val(struct text text)
{
	/* LMDB does not write to what it is given. */
	return (MDB_val){ text.len, (void *)(uintptr_t)text.data };
}

/* "cannot `doing` the suppression list DIR: ...", by what an error of LMDB means. */
enum result suppress_fail(
	const struct suppress *suppress, int error, const char *doing, struct fail *fail);
/* RESULT_DAMAGED with the reason. */
enum result suppress_damaged(const struct suppress *suppress, const char *why, struct fail *fail);

#endif
