#include "engine/run/holds.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/io/file.h"
#include "engine/io/random.h"

static const char file_name[] = "holds";
static const char new_name[] = "holds.new";

const char *hold_kind_name(enum hold_kind kind)
{
	static const char *const names[HOLD_KINDS] = {
		[HOLD_DOMAIN] = "domain",
		[HOLD_JOB] = "job",
		[HOLD_FILE] = "file",
	};
	return names[kind];
}

/* ---- the set ---- */

/* A kind, a blank and the longest name; domains and jobs have shorter ones. */
enum { RULE_BYTES = 8 + FILE_NAME_BYTES_MAX };
static_assert(HOLDS_MAX * (RULE_BYTES + 1) <= HOLDS_BYTES_MAX, "all rules fit into the file");

static struct text rule_of(char memory[static RULE_BYTES], enum hold_kind kind, struct text name)
{
	struct buf buf;
	buf_init(&buf, memory, RULE_BYTES);
	buf_put_cstr(&buf, hold_kind_name(kind));
	buf_put_u8(&buf, ' ');
	buf_put_text(&buf, name);
	return buf.overflow ? TEXT_EMPTY : buf_text(&buf);
}

static struct text text_of_hold(const struct hash_node *node)
{
	const struct hold *hold = CONTAINER_OF(node, struct hold, node);
	return text_of_bytes(hold->text, hold->text_len);
}

static struct hold *find(struct holds *holds, enum hold_kind kind, struct text name)
{
	char memory[RULE_BYTES];
	struct hash_node *node = hash_map_find(&holds->rules, rule_of(memory, kind, name));
	return node != NULL ? CONTAINER_OF(node, struct hold, node) : NULL;
}

bool holds_have(struct holds *holds, enum hold_kind kind, struct text name)
{
	return find(holds, kind, name) != NULL;
}

enum result holds_add(struct holds *holds, enum hold_kind kind, struct text name, struct fail *fail)
{
	char memory[RULE_BYTES];
	struct text rule = rule_of(memory, kind, name);
	if (rule.len == 0)
		return fail_set(fail, RESULT_INVALID, "a name that is too long to be held");
	if (find(holds, kind, name) != NULL)
		return RESULT_OK;
	if (holds_count(holds) >= HOLDS_MAX)
		return fail_set(fail, RESULT_LIMIT,
			"%d rules hold mail already: release some, or hold whole domains or jobs",
			HOLDS_MAX);
	struct hold *hold = calloc(1, sizeof *hold + rule.len + 1);
	if (hold == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for one more hold");
	hold->kind = kind;
	hold->text_len = rule.len;
	memcpy(hold->text, rule.data, rule.len);
	hash_map_insert(&holds->rules, &hold->node);
	return RESULT_OK;
}

bool holds_remove(struct holds *holds, enum hold_kind kind, struct text name)
{
	struct hold *hold = find(holds, kind, name);
	if (hold == NULL)
		return false;
	hash_map_remove(&holds->rules, &hold->node);
	free(hold);
	return true;
}

const char *holds_match(struct holds *holds, struct text domain, struct text job, struct text file)
{
	if (holds_count(holds) == 0)
		return NULL;
	struct hold *hold = find(holds, HOLD_DOMAIN, domain);
	if (hold == NULL && job.len > 0)
		hold = find(holds, HOLD_JOB, job);
	if (hold == NULL)
		hold = find(holds, HOLD_FILE, file);
	return hold != NULL ? hold->text : NULL;
}

/* ---- the file ---- */

static bool parse_line(struct text line, enum hold_kind *out_kind, struct text *out_name)
{
	for (int i = 0; i < HOLD_KINDS; i++) {
		struct text kind = text_of(hold_kind_name((enum hold_kind)i));
		if (!text_starts(line, kind) || line.len < kind.len + 2 ||
			line.data[kind.len] != ' ')
			continue;
		*out_kind = (enum hold_kind)i;
		*out_name = text_skip(line, kind.len + 1);
		return true;
	}
	return false;
}

static enum result parse(struct holds *holds, struct text file, struct fail *fail)
{
	struct text line, name;
	enum hold_kind kind;
	unsigned number = 0;
	/* What a write was cut off in was never renamed: each line ends. */
	while (text_split(&file, '\n', &line)) {
		number++;
		if (line.len == 0)
			continue;
		if (!parse_line(line, &kind, &name))
			return fail_set(fail, RESULT_DAMAGED,
				"line %u of %s/%s is no rule like 'domain a.example': correct or "
				"remove it",
				number, holds->state, file_name);
		enum result r = holds_add(holds, kind, name, fail);
		if (r != RESULT_OK)
			return r;
	}
	return RESULT_OK;
}

static enum result read_file(struct holds *holds, struct fail *fail)
{
	int dir_fd;
	size_t len;
	char *memory = malloc(HOLDS_BYTES_MAX + 1);
	if (memory == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to read the holds");
	enum result r = file_open_directory(AT_FDCWD, holds->state, &dir_fd, fail);
	if (r == RESULT_OK) {
		r = file_read_small(dir_fd, file_name, memory, HOLDS_BYTES_MAX + 1, &len, fail);
		file_close(dir_fd);
		if (r == RESULT_OK) {
			r = parse(holds, text_of_bytes(memory, len), fail);
		} else if (r == RESULT_NOT_FOUND) {
			fail_clear(fail);
			r = RESULT_OK;
		}
	}
	free(memory);
	return r;
}

enum result holds_load(struct holds *holds, const char *state, struct fail *fail)
{
	struct siphash_key key = random_siphash_key();
	*holds = (struct holds){ .state = strdup(state) };
	if (holds->state == NULL ||
		hash_map_init(&holds->rules, 16, &key, text_of_hold) != RESULT_OK) {
		free(holds->state);
		*holds = (struct holds){ 0 };
		return fail_set(fail, RESULT_MEMORY, "no memory for the holds");
	}
	enum result r = read_file(holds, fail);
	if (r != RESULT_OK)
		holds_deinit(holds);
	return r;
}

static void put_rule(struct hash_node *node, void *context)
{
	struct buf *buf = context;
	buf_put_text(buf, text_of_hold(node));
	buf_put_u8(buf, '\n');
}

enum result holds_save(struct holds *holds, struct fail *fail)
{
	struct buf buf;
	int dir_fd;
	void *memory = malloc(HOLDS_BYTES_MAX);
	if (memory == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory to write the holds");
	buf_init(&buf, memory, HOLDS_BYTES_MAX);
	hash_map_for_each(&holds->rules, put_rule, &buf);
	enum result r =
		buf.overflow ? fail_set(fail, RESULT_LIMIT, "the holds do not fit into their file")
			     : file_open_directory(AT_FDCWD, holds->state, &dir_fd, fail);
	if (r == RESULT_OK) {
		const struct text text = buf_text(&buf);
		r = file_replace(dir_fd, file_name, new_name, &text, 1, fail);
		file_close(dir_fd);
	}
	free(memory);
	return r;
}

static void end_rule(struct hash_node *node, void *context)
{
	struct holds *holds = context;
	hash_map_remove(&holds->rules, node);
	free(CONTAINER_OF(node, struct hold, node));
}

void holds_deinit(struct holds *holds)
{
	if (holds->state == NULL)
		return;
	hash_map_for_each(&holds->rules, end_rule, holds);
	hash_map_deinit(&holds->rules);
	free(holds->state);
	*holds = (struct holds){ 0 };
}
