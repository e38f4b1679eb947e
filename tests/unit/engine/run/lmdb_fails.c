#include "tests/unit/engine/run/lmdb_fails.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

int mdb_put(void *txn, unsigned dbi, void *key, void *data, unsigned flags);
int mdb_del(void *txn, unsigned dbi, void *key, void *data);
int mdb_txn_commit(void *txn);
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **out_txn);
void mdb_txn_abort(void *txn);

static struct {
	_Atomic int error, times;
} fails[LMDB_CALLS];

void lmdb_fails(enum lmdb_call call, int error, int times)
{
	atomic_store(&fails[call].error, error);
	atomic_store(&fails[call].times, times);
}

static int failure_of(enum lmdb_call call)
{
	if (atomic_load(&fails[call].times) == 0)
		return 0;
	atomic_fetch_sub(&fails[call].times, 1);
	return atomic_load(&fails[call].error);
}

/* A function pointer cannot be had of dlsym() by a cast. */
static void find(const char *name, void *out_function)
{
	void *found = dlsym(RTLD_NEXT, name);
	memcpy(out_function, &found, sizeof found);
}

int mdb_put(void *txn, unsigned dbi, void *key, void *data, unsigned flags)
{
	int (*real)(void *, unsigned, void *, void *, unsigned);
	int error = failure_of(LMDB_PUT);
	find("mdb_put", &real);
	return error != 0 ? error : real(txn, dbi, key, data, flags);
}

int mdb_del(void *txn, unsigned dbi, void *key, void *data)
{
	int (*real)(void *, unsigned, void *, void *);
	int error = failure_of(LMDB_DEL);
	find("mdb_del", &real);
	return error != 0 ? error : real(txn, dbi, key, data);
}

int mdb_txn_commit(void *txn)
{
	int (*real)(void *);
	int error = failure_of(LMDB_COMMIT);
	find("mdb_txn_commit", &real);
	if (error == 0)
		return real(txn);
	mdb_txn_abort(txn);
	return error;
}

int mdb_txn_begin(void *env, void *parent, unsigned flags, void **out_txn)
{
	int (*real)(void *, void *, unsigned, void **);
	int error = failure_of(LMDB_BEGIN);
	find("mdb_txn_begin", &real);
	return error != 0 ? error : real(env, parent, flags, out_txn);
}
