/* A disk in memory that is linked in place of store/disk.c: one folder of files. It knows what is
 * visible and what would be left after a loss of power, and loses it as real disks do: of what was
 * written since the last sync any of the 512-byte sectors may be there, and a block may be garbage;
 * of the changes to the folder since its last sync any, but those of one file in their order. */
#ifndef TESTS_UNIT_STORE_SIM_DISK_H
#define TESTS_UNIT_STORE_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An empty folder; frees what was there. */
void sim_disk_reset(uint64_t seed);
/* Power fails within the n-th call from now on: nothing happens any more, every call says
 * RESULT_IO. */
void sim_disk_fail_after(uint64_t calls);
/* Power is back: what is visible is what has lasted. All descriptors are closed. */
void sim_disk_lose_power(void);
/* The process was killed: everything stays visible, what was not synced may still be lost later. */
void sim_disk_kill(void);

/* New space beyond this many bytes is RESULT_NO_SPACE; UINT64_MAX: no limit. */
void sim_disk_set_space(uint64_t bytes);
/* The n-th sync from now on fails with RESULT_IO, once. 0: none. */
void sim_disk_fail_sync(uint64_t syncs);
/* The next disk_zero() fails with RESULT_IO. */
void sim_disk_fail_zero(void);

/* The visible bytes of a file, NULL if there is none; may be changed. */
uint8_t *sim_disk_bytes(const char *name, size_t *out_len);
/* Replaces a file's visible and lasting bytes by a copy of these (makes it if need be). */
void sim_disk_put(const char *name, const uint8_t *data, size_t len);
void sim_disk_cut(const char *name, size_t len);
size_t sim_disk_files_count(void);
/* Visible files whose names begin so. */
size_t sim_disk_count(const char *prefix);
/* Since the last reset: files made and removed, syncs of files, bytes written. */
uint64_t sim_disk_made(void);
uint64_t sim_disk_removed(void);
uint64_t sim_disk_syncs(void);
uint64_t sim_disk_written(void);
size_t sim_disk_open_count(void);

#endif
