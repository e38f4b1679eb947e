#include "engine/plan/warmup_counts.h"
#include <stdio.h>
#include <stdlib.h>

static const struct text head_line = TEXT_INIT("longship-warmup 1");

enum {
	KEY_MAX = 512, /* an address, a provider's key, and more */
	/* "first DATE " or "sent DATE ", " N\n" */
	LINE_BYTES = 6 + WARMUP_DATE_SIZE + 1 + 10 + 1,
};

static struct text key_of(const struct hash_node *node)
{
	const struct warmup_count *count = CONTAINER_OF(node, struct warmup_count, node);
	return text_of_bytes(count->key, count->key_len);
}

enum result warmup_counts_init(
	struct warmup_counts *counts, int64_t day, const struct siphash_key *key)
{
	*counts = (struct warmup_counts){ .day = day, .text_bytes = head_line.len + 1 };
	list_init(&counts->dirty);
	return hash_map_init(&counts->map, 64, key, key_of);
}

static void forget(struct warmup_counts *counts, struct warmup_count *count)
{
	if (list_node_is_linked(&count->dirty_node))
		list_remove(&count->dirty_node);
	hash_map_remove(&counts->map, &count->node);
	counts->text_bytes -= count->key_len + LINE_BYTES;
	free(count);
}

static void end_count(struct hash_node *node, void *context)
{
	forget(context, CONTAINER_OF(node, struct warmup_count, node));
}

void warmup_counts_deinit(struct warmup_counts *counts)
{
	hash_map_for_each(&counts->map, end_count, counts);
	hash_map_deinit(&counts->map);
}

/* ---- what is counted ---- */

/* Empty: it is longer than any is. */
static struct text make_key(char key[KEY_MAX], struct text source, struct text provider)
{
	int len = snprintf(key, KEY_MAX, "%.*s%s%.*s", TEXT_ARG(source), provider.len > 0 ? " " : "",
		TEXT_ARG(provider));
	return len > 0 && len < KEY_MAX ? text_of_bytes(key, (size_t)len) : TEXT_EMPTY;
}

static struct warmup_count *find(struct warmup_counts *counts, struct text key)
{
	struct hash_node *node = hash_map_find(&counts->map, key);
	return node != NULL ? CONTAINER_OF(node, struct warmup_count, node) : NULL;
}

struct warmup_count *warmup_counts_find(
	struct warmup_counts *counts, struct text source, struct text provider)
{
	char key[KEY_MAX];
	return find(counts, make_key(key, source, provider));
}

struct warmup_count *warmup_counts_take(
	struct warmup_counts *counts, struct text source, struct text provider)
{
	char memory[KEY_MAX];
	struct text key = make_key(memory, source, provider);
	struct warmup_count *count = find(counts, key);
	if (count != NULL || key.len == 0 || hash_map_count(&counts->map) >= WARMUP_COUNTS_MAX)
		return count;
	count = calloc(1, sizeof *count + key.len + 1);
	if (count == NULL)
		return NULL;
	count->first = WARMUP_NEVER;
	count->source_len = (uint16_t)source.len;
	count->key_len = (uint16_t)key.len;
	memcpy(count->key, key.data, key.len);
	hash_map_insert(&counts->map, &count->node);
	counts->text_bytes += count->key_len + LINE_BYTES;
	return count;
}

static void changed(struct warmup_counts *counts, struct warmup_count *count)
{
	if (!list_node_is_linked(&count->dirty_node))
		list_push_back(&counts->dirty, &count->dirty_node);
}

int64_t warmup_counts_first(struct warmup_counts *counts, struct text source)
{
	const struct warmup_count *count = find(counts, source);
	return count != NULL ? count->first : WARMUP_NEVER;
}

static void begin_source(struct warmup_counts *counts, struct text source)
{
	struct warmup_count *count = warmup_counts_take(counts, source, TEXT_EMPTY);
	if (count == NULL || count->first != WARMUP_NEVER)
		return;
	count->first = counts->day;
	changed(counts, count);
}

void warmup_counts_add(struct warmup_counts *counts, struct warmup_count *count, uint32_t rcpts)
{
	if (rcpts == 0)
		return;
	count->sent = count->sent < UINT32_MAX - rcpts ? count->sent + rcpts : UINT32_MAX;
	changed(counts, count);
	begin_source(counts, text_of_bytes(count->key, count->source_len));
}

static void begin_day(struct hash_node *node, void *context)
{
	struct warmup_count *count = CONTAINER_OF(node, struct warmup_count, node);
	count->sent = 0;
	if (count->reserved == 0 && count->users == 0 && count->first == WARMUP_NEVER)
		forget(context, count);
}

void warmup_counts_begin_day(struct warmup_counts *counts, int64_t day)
{
	counts->day = day;
	hash_map_for_each(&counts->map, begin_day, counts);
}

/* ---- as text ---- */

static void put_line(const struct warmup_counts *counts, const struct warmup_count *count, struct buf *buf)
{
	char date[WARMUP_DATE_SIZE];
	if (count->first != WARMUP_NEVER) {
		warmup_put_date(date, count->first);
		buf_printf(buf, "first %s %s\n", date, count->key);
	} else if (count->sent > 0) {
		warmup_put_date(date, counts->day);
		buf_printf(buf, "sent %s %s %u\n", date, count->key, count->sent);
	}
}

struct putting {
	const struct warmup_counts *counts;
	struct buf *buf;
};

static void put_node(struct hash_node *node, void *context)
{
	struct putting *putting = context;
	put_line(putting->counts, CONTAINER_OF(node, struct warmup_count, node), putting->buf);
}

static size_t changes_bytes(const struct warmup_counts *counts)
{
	size_t bytes = 0;
	LIST_FOR_EACH (node, &counts->dirty)
		bytes += CONTAINER_OF(node, struct warmup_count, dirty_node)->key_len + LINE_BYTES;
	return bytes;
}

char *warmup_counts_take_text(struct warmup_counts *counts, bool all, size_t *out_len)
{
	size_t size = all ? counts->text_bytes : changes_bytes(counts);
	char *text = malloc(size + 1);
	struct buf buf;
	struct list_node *node;
	if (text == NULL)
		return NULL;
	buf_init(&buf, text, size + 1);
	if (all) {
		buf_put_text(&buf, head_line);
		buf_put_u8(&buf, '\n');
		hash_map_for_each(&counts->map, put_node, &(struct putting){ counts, &buf });
	}
	while ((node = list_pop_front(&counts->dirty)) != NULL)
		if (!all)
			put_line(counts, CONTAINER_OF(node, struct warmup_count, dirty_node), &buf);
	CHECK(!buf.overflow);
	*out_len = buf.len;
	return text;
}

static bool take_first(struct warmup_counts *counts, struct text source, int64_t day)
{
	struct warmup_count *count = warmup_counts_take(counts, source, TEXT_EMPTY);
	if (count != NULL)
		count->first = day;
	return count != NULL;
}

/* SOURCE PROVIDER N; what was sent on another day is over. */
static enum result take_sent(struct warmup_counts *counts, struct text rest, int64_t day)
{
	struct text source, provider;
	uint64_t sent;
	if (!text_split(&rest, ' ', &source) || !text_split(&rest, ' ', &provider) || source.len == 0 ||
		provider.len == 0 || source.len + provider.len >= KEY_MAX || !text_to_u64(rest, &sent) ||
		sent > UINT32_MAX)
		return RESULT_INVALID;
	if (day != counts->day)
		return RESULT_OK;
	struct warmup_count *count = warmup_counts_take(counts, source, provider);
	if (count == NULL)
		return RESULT_MEMORY;
	count->sent = (uint32_t)sent;
	return RESULT_OK;
}

static enum result take_line(struct warmup_counts *counts, struct text line)
{
	struct text rest = line, word, date;
	int64_t day;
	if (!text_split(&rest, ' ', &word) || !text_split(&rest, ' ', &date) ||
		!warmup_parse_date(date, &day) || !text_is_printable(line))
		return RESULT_INVALID;
	if (text_equal(word, TEXT("sent")))
		return take_sent(counts, rest, day);
	if (!text_equal(word, TEXT("first")) || rest.len == 0 || rest.len >= KEY_MAX ||
		text_find(rest, ' ') != TEXT_NONE)
		return RESULT_INVALID;
	return take_first(counts, rest, day) ? RESULT_OK : RESULT_MEMORY;
}

enum result warmup_counts_read(struct warmup_counts *counts, struct text file, struct fail *fail)
{
	struct text line;
	size_t end = text_find_last(file, '\n');
	/* What was being appended when the machine stopped. */
	file = text_cut(file, end != TEXT_NONE ? end : 0);
	if (!text_split(&file, '\n', &line) || !text_equal(line, head_line))
		return fail_set(fail, RESULT_INVALID,
			"it does not begin with '%.*s': no file of this version of longship",
			TEXT_ARG(head_line));
	for (size_t number = 2; file.data != NULL && text_split(&file, '\n', &line); number++) {
		enum result r = take_line(counts, line);
		if (r == RESULT_MEMORY)
			return fail_set(fail, r, "no memory for line %zu, or it has too many", number);
		if (r != RESULT_OK)
			return fail_set(fail, r, "line %zu is no line of it: '%.*s'", number,
				TEXT_ARG(text_cut(line, 60)));
	}
	return RESULT_OK;
}
