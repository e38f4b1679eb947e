#include <stdlib.h>
#include <string.h>
#include "engine/run/files_state.h"

/* Names of new/ that are left alone, and why. */

static struct text key_of(const struct hash_node *node)
{
	return text_of(CONTAINER_OF(node, struct left_name, node)->name);
}

enum result files_left_names_init(struct files *f, const struct siphash_key *key)
{
	return hash_map_init(&f->left, 64, key, key_of);
}

static void end_left(struct hash_node *node, void *context)
{
	files_forget_left(context, CONTAINER_OF(node, struct left_name, node));
}

void files_left_names_deinit(struct files *f)
{
	if (f->left.table.buckets == NULL)
		return;
	hash_map_for_each(&f->left, end_left, f);
	hash_map_deinit(&f->left);
}

struct left_name *files_find_left(struct files *f, const char *name)
{
	struct hash_node *node = hash_map_find(&f->left, text_of(name));
	return node != NULL ? CONTAINER_OF(node, struct left_name, node) : NULL;
}

void files_forget_left(struct files *f, struct left_name *left)
{
	hash_map_remove(&f->left, &left->node);
	f->files_open -= left->kind == LEFT_OPEN;
	free(left);
}

bool files_is_stuck(struct files *f, const char *name, const struct file_identity *identity)
{
	const struct left_name *left = files_find_left(f, name);
	return left != NULL && left->kind == LEFT_STUCK && file_identity_equal(&left->identity, identity);
}

/* Without memory for the note it is only found again by the next scan. */
void files_leave_alone(struct files *f, const char *name, enum left_kind kind,
	const struct file_identity *identity)
{
	if (files_find_left(f, name) != NULL)
		return;
	size_t size = strlen(name) + 1;
	struct left_name *left = calloc(1, sizeof *left + size);
	if (left == NULL) {
		f->rescan = true;
		return;
	}
	left->kind = kind;
	if (identity != NULL)
		left->identity = *identity;
	memcpy(left->name, name, size);
	hash_map_insert(&f->left, &left->node);
	f->files_open += kind == LEFT_OPEN;
}

static void look_at_open(struct hash_node *node, void *context)
{
	const struct left_name *left = CONTAINER_OF(node, struct left_name, node);
	char name[FILE_NAME_BYTES_MAX + 1];
	if (left->kind != LEFT_OPEN)
		return;
	snprintf(name, sizeof name, "%s", left->name); /* the note goes when the file is taken */
	files_consider(context, name, false);
}

void files_look_at_open(struct files *f)
{
	hash_map_for_each(&f->left, look_at_open, f);
}
