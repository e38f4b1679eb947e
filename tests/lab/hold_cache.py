"""Holds the write lock of a cache, as a sender does that was stopped in the middle of a write.

hold_cache.py DIRECTORY [GIBIBYTES]: prints a line once it has the lock, then waits to be ended. The size is that
of the map, of a list of suppressed addresses 16.
"""

import ctypes
import os
import signal
import sys

MAP_BYTES = (int(sys.argv[2]) if len(sys.argv) > 2 else 64) << 30  # CACHE_MAP_BYTES of store/cache.h
NO_TLS = 0x200000

lmdb = ctypes.CDLL("liblmdb.so.0")
env, txn = ctypes.c_void_p(), ctypes.c_void_p()
assert lmdb.mdb_env_create(ctypes.byref(env)) == 0
assert lmdb.mdb_env_set_mapsize(env, ctypes.c_size_t(MAP_BYTES)) == 0
assert lmdb.mdb_env_open(env, os.fsencode(sys.argv[1]), NO_TLS, 0o600) == 0
assert lmdb.mdb_txn_begin(env, None, 0, ctypes.byref(txn)) == 0
print("held", flush=True)
signal.pause()
