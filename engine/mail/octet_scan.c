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

struct sums {
	lanes lf, cr;                  /* counts, a lane each */
	lanes nul, bare_cr, high, dot; /* anything: yes */
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

/* Reads BLOCK octets and the one behind them. Returns the lanes that hold a LF. */
static lanes add_block(struct sums *sums, const char *at)
{
	lanes block_lf = { 0 };
	for (size_t i = 0; i < BLOCK; i += LANES) {
		lanes here = load(at + i), next = load(at + i + 1);
		lanes lf = (lanes)(here == '\n'), cr = (lanes)(here == '\r');
		sums->lf -= lf;
		sums->cr -= cr;
		sums->nul |= (lanes)(here == 0);
		sums->high |= here;
		sums->bare_cr |= cr & ~(lanes)(next == '\n');
		sums->dot |= lf & (lanes)(next == '.');
		block_lf |= lf;
	}
	return block_lf;
}

static void flush_counts(struct sums *sums, struct octet_scan *scan)
{
	scan->lf_count += total(sums->lf);
	scan->cr_count += total(sums->cr);
	sums->lf = (lanes){ 0 };
	sums->cr = (lanes){ 0 };
}

struct octet_scan octet_scan(struct text octets)
{
	struct octet_scan scan = { .has_dot_lines = octets.len > 0 && octets.data[0] == '.' };
	struct sums sums = { .lf = { 0 } };
	size_t at = 0, blocks = 0, blocks_without_lf = 0;
	for (; at + BLOCK < octets.len; at += BLOCK) {
		bool has_lf = any(add_block(&sums, octets.data + at));
		blocks_without_lf = has_lf ? 0 : blocks_without_lf + 1;
		scan.may_have_long_lines |= blocks_without_lf >= LONG_LINE_BLOCKS;
		if (++blocks % BLOCKS_A_FLUSH == 0)
			flush_counts(&sums, &scan);
	}
	/* The rest, 1 to 64 octets, filled up with what counts as nothing. A CR at the very end
	 * has a space behind it and so is bare. */
	char rest[BLOCK + LANES];
	memset(rest, ' ', sizeof rest);
	if (at < octets.len)
		memcpy(rest, octets.data + at, octets.len - at);
	add_block(&sums, rest);
	flush_counts(&sums, &scan);

	scan.has_nul = any(sums.nul);
	scan.has_bare_cr = any(sums.bare_cr);
	scan.has_8bit = any(sums.high & 0x80);
	scan.has_dot_lines |= any(sums.dot);
	return scan;
}
