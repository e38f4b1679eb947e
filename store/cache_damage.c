/* LMDB believes what its pages say: a wrong offset makes it read and write outside of its memory, or
 * abort. So before a file is used all pages that can be reached are looked at, which costs as much as
 * reading them once. (What stands in values has checksums of its own.)
 *
 * The form of LMDB 0.9, data version 1, in the byte order of the machine:
 *   page   number u64 · pad u16 · flags u16 · lower u16 · upper u16 (overflow: pages u32) · rest
 *   node   size low u16 · size high u16 · flags u16 · key size u16 · key · data. The nodes stand at
 *          the offsets, u16 each, that fill the page up to `lower`. In a branch the first three
 *          numbers are the child; in a leaf with NODE_BIG the data is the first of overflow pages.
 *   meta   page, then magic u32 · version u32 · address u64 · map size u64 · the free tree, the main
 *          tree (each: pad u32 · flags u16 · depth u16 · branch, leaf, overflow pages, entries,
 *          root u64) · last page u64 · transaction u64. The pad of the free tree is the page size. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "store/cache_internal.h"

enum {
	PAGE_HEADER = 16,
	PAGE_BRANCH = 1,
	PAGE_LEAF = 2,
	PAGE_OVERFLOW = 4,
	PAGE_META = 8,
	NODE_HEADER = 8,
	NODE_BIG = 1,
	KEY_MAX = 511,
	DEPTH_MAX = 32,
	DATA_VERSION = 1,
	INTEGER_KEY = 8, /* the flags of the free tree */
	PAGE_BYTES_MAX = 65536,
	SNAPSHOT_TRIES = 1000,
};
static const uint32_t meta_magic = 0xbeefc0de;
static const uint64_t no_page = UINT64_MAX;

struct tree {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
	uint32_t magic, version;
	uint64_t address, map_bytes;
	struct tree free, main;
	uint64_t last_page, txn;
};
static_assert(sizeof(struct tree) == 48 && sizeof(struct meta) == 24 + 96 + 16,
	"the form of LMDB on machines with 64 bits");

struct look {
	int fd;
	size_t page_bytes;
	struct meta meta;
	uint8_t *seen;     /* a bit for each page */
	struct tree found; /* what was counted in the tree that is looked at */
	bool is_free;      /* that tree is the free one */
	uint8_t last_key[KEY_MAX];
	size_t last_len;
	bool has_last;
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool bad(struct look *look, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(look->why, look->why_size, fmt, args);
	va_end(args);
	return false;
}

static uint16_t get_u16(const uint8_t *at)
{
	uint16_t number;
	memcpy(&number, at, sizeof number);
	return number;
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t number;
	memcpy(&number, at, sizeof number);
	return number;
}

static bool read_all(int fd, void *data, size_t len, uint64_t offset)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, (char *)data + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* ---- pages ---- */

static bool take_page(struct look *look, uint64_t page)
{
	if (page < 2 || page > look->meta.last_page)
		return bad(look, "a page %llu is pointed to", (unsigned long long)page);
	uint8_t bit = (uint8_t)(1 << page % 8);
	if ((look->seen[page / 8] & bit) != 0)
		return bad(look, "page %llu is used twice", (unsigned long long)page);
	look->seen[page / 8] |= bit;
	return true;
}

/* The keys of a tree ascend from its first leaf to its last. */
static bool take_key(struct look *look, const uint8_t *key, size_t len)
{
	bool ascends = !look->has_last;
	if (!ascends && look->is_free)
		ascends = get_u64(look->last_key) < get_u64(key);
	else if (!ascends)
		ascends = text_compare(text_of_bytes(look->last_key, look->last_len),
				  text_of_bytes(key, len)) < 0;
	memcpy(look->last_key, key, len);
	look->last_len = len;
	look->has_last = true;
	return ascends || bad(look, "keys are not in order");
}

/* A record of the free tree: a count and so many pages, in falling order. It may have more room, and
 * none of it used. */
static bool take_free_pages(struct look *look, const uint8_t *data, size_t len)
{
	uint64_t count = len >= 8 ? get_u64(data) : 0;
	if (len < 8 || count > len / 8 - 1)
		return bad(look, "a list of free pages has a wrong length");
	for (uint64_t i = 1; i <= count; i++) {
		uint64_t page = get_u64(data + 8 * i);
		if (i > 1 && page >= get_u64(data + 8 * (i - 1)))
			return bad(look, "a list of free pages is not in order");
		if (!take_page(look, page))
			return false;
	}
	return true;
}

static bool look_at_overflow(struct look *look, uint64_t page, size_t len)
{
	uint8_t header[PAGE_HEADER];
	uint64_t count = (PAGE_HEADER - 1 + len) / look->page_bytes + 1;
	uint32_t says;
	for (uint64_t i = 0; i < count; i++) {
		if (!take_page(look, page + i))
			return false;
	}
	if (!read_all(look->fd, header, sizeof header, page * look->page_bytes))
		return bad(look, "page %llu cannot be read", (unsigned long long)page);
	memcpy(&says, header + 12, sizeof says);
	if (get_u64(header) != page || get_u16(header + 10) != PAGE_OVERFLOW || says != count)
		return bad(look, "page %llu is not what it should be", (unsigned long long)page);
	/* A map beyond the end of the file is a signal, not an error. */
	uint8_t *data = malloc(len);
	bool good = data != NULL &&
		    read_all(look->fd, data, len, page * look->page_bytes + PAGE_HEADER);
	if (!good)
		(void)bad(look, "page %llu cannot be read", (unsigned long long)page);
	else if (look->is_free)
		good = take_free_pages(look, data, len);
	free(data);
	look->found.overflow_pages += count;
	return good;
}

/* `node` has `room` bytes up to the end of its page. */
static bool look_at_leaf(struct look *look, const uint8_t *node, size_t room)
{
	size_t key_len = get_u16(node + 6), flags = get_u16(node + 4);
	size_t len = get_u16(node) | (size_t)get_u16(node + 2) << 16;
	const uint8_t *data = node + NODE_HEADER + key_len;
	size_t inside = flags == NODE_BIG ? 8 : len;
	if (flags > NODE_BIG || key_len == 0 || key_len > KEY_MAX ||
		(look->is_free && key_len != 8) || NODE_HEADER + key_len > room ||
		inside > room - NODE_HEADER - key_len)
		return bad(look, "an entry does not fit into its page");
	if (!take_key(look, node + NODE_HEADER, key_len))
		return false;
	look->found.entries++;
	if (flags == NODE_BIG)
		return look_at_overflow(look, get_u64(data), len);
	return !look->is_free || take_free_pages(look, data, len);
}

static bool look_at_page(struct look *look, uint64_t page, unsigned depth);

static bool look_at_branch(
	struct look *look, const uint8_t *node, size_t room, bool is_first, unsigned depth)
{
	size_t key_len = get_u16(node + 6);
	uint64_t child = get_u16(node) | (uint64_t)get_u16(node + 2) << 16 |
			 (uint64_t)get_u16(node + 4) << 32;
	/* The first key of a branch stands for everything smaller, and is not looked at. */
	if (key_len > KEY_MAX || NODE_HEADER + key_len > room || (key_len == 0 && !is_first) ||
		(look->is_free && key_len != 8 && !is_first))
		return bad(look, "a branch does not fit into its page");
	return look_at_page(look, child, depth - 1);
}

static bool look_at_nodes(struct look *look, const uint8_t *data, unsigned depth)
{
	size_t lower = get_u16(data + 12), upper = get_u16(data + 14);
	if (lower <= PAGE_HEADER || lower % 2 != 0 || upper < lower || upper > look->page_bytes ||
		(depth > 1 && lower < PAGE_HEADER + 4))
		return bad(look, "a page says that it holds more than it can");
	for (size_t at = PAGE_HEADER; at < lower; at += 2) {
		size_t offset = get_u16(data + at);
		if (offset < upper || offset % 2 != 0 || offset + NODE_HEADER > look->page_bytes)
			return bad(look, "an entry begins outside of its page");
		bool good = depth > 1
				    ? look_at_branch(look, data + offset, look->page_bytes - offset,
					      at == PAGE_HEADER, depth)
				    : look_at_leaf(look, data + offset, look->page_bytes - offset);
		if (!good)
			return false;
	}
	return true;
}

static bool look_at_page(struct look *look, uint64_t page, unsigned depth)
{
	if (!take_page(look, page))
		return false;
	uint8_t *data = malloc(look->page_bytes);
	bool good =
		data != NULL && read_all(look->fd, data, look->page_bytes, page * look->page_bytes);
	if (!good)
		(void)bad(look, "page %llu cannot be read", (unsigned long long)page);
	else if (get_u64(data) != page || get_u16(data + 8) != 0 ||
		 get_u16(data + 10) != (depth > 1 ? PAGE_BRANCH : PAGE_LEAF))
		good = bad(look, "page %llu is not what it should be", (unsigned long long)page);
	if (good)
		good = look_at_nodes(look, data, depth);
	free(data);
	if (depth > 1)
		look->found.branch_pages++;
	else
		look->found.leaf_pages++;
	return good;
}

static bool look_at_tree(struct look *look, const struct tree *tree, bool is_free)
{
	look->found = (struct tree){ 0 };
	look->is_free = is_free;
	look->has_last = false;
	if (tree->flags != (is_free ? INTEGER_KEY : 0) || tree->depth > DEPTH_MAX ||
		(tree->depth == 0) != (tree->root == no_page))
		return bad(look, "a tree is not what it should be");
	if (tree->depth > 0 && !look_at_page(look, tree->root, tree->depth))
		return false;
	const struct tree *found = &look->found;
	if (found->entries != tree->entries || found->leaf_pages != tree->leaf_pages ||
		found->branch_pages != tree->branch_pages ||
		found->overflow_pages != tree->overflow_pages)
		return bad(look, "a tree has not as many pages and entries as it says");
	return true;
}

/* ---- the two first pages ---- */

static bool read_meta(struct look *look, unsigned page)
{
	uint8_t data[PAGE_HEADER + sizeof(struct meta)];
	if (!read_all(look->fd, data, sizeof data, page * look->page_bytes))
		return bad(look, "it is too short");
	memcpy(&look->meta, data + PAGE_HEADER, sizeof look->meta);
	if (get_u16(data + 10) != PAGE_META || look->meta.magic != meta_magic)
		return bad(look, "it is no file of LMDB");
	if (look->meta.version != DATA_VERSION)
		return bad(look, "it is of another version of LMDB");
	return true;
}

bool cache_head_pages_are_good(int folder_fd, uint64_t map_bytes, char *why, size_t why_size)
{
	struct look look = {
		.why = why, .why_size = why_size, .page_bytes = (size_t)sysconf(_SC_PAGESIZE)
	};
	uint8_t byte;
	bool good = true;
	look.fd = openat(folder_fd, "data.mdb", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (look.fd < 0)
		return true;
	for (unsigned page = 0; page < 2 && good && read_all(look.fd, &byte, 1, 0); page++) {
		good = read_meta(&look, page);
		if (good &&
			(look.meta.free.pad != look.page_bytes || look.page_bytes > PAGE_BYTES_MAX))
			good = bad(&look, "its pages have another size");
		if (good && (look.meta.last_page < 1 ||
				    look.meta.last_page >= map_bytes / look.page_bytes))
			good = bad(&look, "it says that it is larger than it can be");
		if (good && look.meta.free.flags != INTEGER_KEY)
			good = bad(&look, "it has flags that are not ours");
	}
	(void)close(look.fd);
	return good;
}

/* That of the snapshot; writers replace the older of the two. */
static bool find_meta(struct look *look, MDB_txn *txn)
{
	for (int i = 0; i < SNAPSHOT_TRIES; i++) {
		for (unsigned page = 0; page < 2; page++) {
			if (!read_meta(look, page))
				return false;
			if (look->meta.txn == mdb_txn_id(txn))
				return true;
		}
		mdb_txn_reset(txn);
		if (mdb_txn_renew(txn) != 0)
			break;
	}
	return bad(look, "its first pages do not fit together");
}

bool cache_pages_are_good(MDB_env *env, MDB_txn *txn, char *why, size_t why_size)
{
	MDB_stat stat;
	struct look look = { .why = why, .why_size = why_size };
	if (mdb_env_get_fd(env, &look.fd) != 0 || mdb_env_stat(env, &stat) != 0)
		return bad(&look, "it cannot be looked at");
	look.page_bytes = stat.ms_psize;
	if (!find_meta(&look, txn))
		return false;
	look.seen = calloc(1, look.meta.last_page / 8 + 1);
	if (look.seen == NULL)
		return bad(&look, "there is no memory to look at it");
	bool good = look_at_tree(&look, &look.meta.main, false) &&
		    look_at_tree(&look, &look.meta.free, true);
	free(look.seen);
	return good;
}
