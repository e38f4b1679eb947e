#include "engine/mail/octet_scan.h"
#include "engine/base/limits.h"

/* GCC's and clang's vectors: SSE2 on x86-64, NEON on arm64, plain code elsewhere. Comparing gives
 * 0xff a lane for true, so that subtracting it counts. */
typedef uint8_t lanes __attribute__((vector_size(16)));

enum {
	LANES = sizeof(lanes),
	BLOCK = 4 * LANES,
	/* A lane counts to 255, and a block adds up to 4. */
	BLOCKS_A_FLUSH = 63,
	/* A line over the limit has at least 999 octets without LF. Up to 63 of them lie in the
	 * block where it starts, up to 64 in the rest behind the last block or in the block where
	 * it ends; what is between fills whole blocks. */
	LONG_LINE_BLOCKS = (MESSAGE_LINE_BYTES_MAX + 1 - (BLOCK - 1) - BLOCK) / BLOCK,
};

static lanes load(const char *at)
{
	lanes loaded;
	memcpy(&loaded, at, sizeof loaded);
	return loaded;
}

static bool any(lanes l)
{
	uint64_t halves[2];
	memcpy(halves, &l, sizeof halves);
	return (halves[0] | halves[1]) != 0;
}

static size_t total(lanes l)
{
	size_t sum = 0;
	for (size_t i = 0; i < LANES; i++)
		sum += l[i];
	return sum;
}

/* Adds what the blocks hold; reads one octet behind the last of them. */
static void scan_blocks(struct octet_scan *scan, const char *at, size_t blocks)
{
	lanes nul = { 0 }, bare_cr = { 0 }, high = { 0 };
	size_t blocks_without_lf = 0;
	while (blocks > 0) {
		lanes lf_counts = { 0 }, cr_counts = { 0 }, dot_counts = { 0 };
		size_t run = blocks < BLOCKS_A_FLUSH ? blocks : BLOCKS_A_FLUSH;
		blocks -= run;
		for (const char *end = at + run * BLOCK; at < end;) {
			lanes block_lf = { 0 };
			for (const char *block_end = at + BLOCK; at < block_end; at += LANES) {
				lanes here = load(at), next = load(at + 1);
				lanes lf = (lanes)(here == '\n'), cr = (lanes)(here == '\r');
				lf_counts -= lf;
				cr_counts -= cr;
				nul |= (lanes)(here == 0);
				high |= here;
				bare_cr |= cr & ~(lanes)(next == '\n');
				dot_counts -= lf & (lanes)(next == '.');
				block_lf |= lf;
			}
			blocks_without_lf = any(block_lf) ? 0 : blocks_without_lf + 1;
			scan->may_have_long_lines |= blocks_without_lf >= LONG_LINE_BLOCKS;
		}
		scan->lf_count += total(lf_counts);
		scan->cr_count += total(cr_counts);
		if (any(dot_counts))
			scan->dot_lines_count += total(dot_counts);
	}
	scan->has_nul |= any(nul);
	scan->has_bare_cr |= any(bare_cr);
	scan->has_8bit |= any(high & 0x80);
}

struct octet_scan octet_scan(struct text octets)
{
	struct octet_scan scan = { .dot_lines_count = octets.len > 0 && octets.data[0] == '.' };
	if (octets.len == 0)
		return scan;
	size_t blocks = (octets.len - 1) / BLOCK;
	scan_blocks(&scan, octets.data, blocks);
	/* The rest, 1 to 64 octets, filled up with what counts as nothing. A CR at the very end
	 * has a space behind it and so is bare. */
	char rest[BLOCK + 1];
	memset(rest, ' ', sizeof rest);
	memcpy(rest, octets.data + blocks * BLOCK, octets.len - blocks * BLOCK);
	scan_blocks(&scan, rest, 1);
	return scan;
}

void octet_scan_add(struct octet_scan *all, const struct octet_scan *more)
{
	all->lf_count += more->lf_count;
	all->cr_count += more->cr_count;
	all->has_nul |= more->has_nul;
	all->has_bare_cr |= more->has_bare_cr;
	all->has_8bit |= more->has_8bit;
	all->dot_lines_count += more->dot_lines_count;
	all->may_have_long_lines |= more->may_have_long_lines;
}

bool octet_scan_is_of(const struct octet_scan *scan, struct text octets)
{
	struct octet_scan seen = octet_scan(octets);
	return scan->lf_count == seen.lf_count && scan->cr_count == seen.cr_count &&
	       scan->has_nul == seen.has_nul && scan->has_bare_cr == seen.has_bare_cr &&
	       scan->has_8bit == seen.has_8bit && scan->dot_lines_count == seen.dot_lines_count;
}
