/* LMDB, failing when a test wants it to: these calls stand before those of the library. */
#ifndef TESTS_UNIT_ENGINE_RUN_LMDB_FAILS_H
#define TESTS_UNIT_ENGINE_RUN_LMDB_FAILS_H

enum lmdb_call { LMDB_PUT, LMDB_DEL, LMDB_COMMIT, LMDB_BEGIN, LMDB_CALLS };

/* As lmdb.h has them. */
enum { LMDB_MAP_FULL = -30792, LMDB_PANIC = -30795 };

/* The next `times` calls return this, an errno or one of LMDB's, and do nothing but what the library does to a
 * transaction that could not be committed. For any thread. */
void lmdb_fails(enum lmdb_call call, int error, int times);

#endif
