#include "engine/run/message.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/nanoseconds.h"
#include "engine/base/siphash.h"
#include "engine/run/job_run.h"

struct message *message_create(const char *name, const struct file_identity *identity)
{
	size_t len = strlen(name);
	struct message *message = calloc(1, sizeof *message + len + 1);
	if (message == NULL)
		return NULL;
	message->magic = MESSAGE_MAGIC;
	message->identity = *identity;
	list_init(&message->attempts);
	list_init(&message->revivals);
	memcpy(message->name, name, len + 1);
	return message;
}

/* The keys are no secret: nobody gains by finding two files with one Message-ID. */
void message_unique(const char *name, const struct file_identity *identity,
	uint8_t out[static MESSAGE_UNIQUE_BYTES])
{
	static const struct siphash_key keys[2] = { { 1, 0 }, { 2, 0 } };
	bool has_birth = identity->birth_ns != 0;
	const uint64_t numbers[] = {
		identity->inode,
		(uint64_t)(has_birth ? identity->birth_ns : identity->modified_ns),
		has_birth ? 0 : identity->bytes,
	};
	uint8_t all[sizeof numbers + FILE_NAME_BYTES_MAX];
	size_t name_len = strlen(name);
	CHECK(name_len <= FILE_NAME_BYTES_MAX);
	memcpy(all, numbers, sizeof numbers);
	memcpy(all + sizeof numbers, name, name_len);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		uint64_t hash = siphash(&keys[i], all, sizeof numbers + name_len);
		memcpy(out + i * sizeof hash, &hash, sizeof hash);
	}
}

int64_t message_born_unix_s(const struct file_identity *identity)
{
	int64_t born_ns = identity->birth_ns != 0 ? identity->birth_ns : identity->modified_ns;
	return born_ns / (int64_t)SECOND_NS;
}

struct text message_file(const struct message *message)
{
	struct text name = text_of(message->name);
	return message->rcpt != NULL ? text_cut(name, message->rcpt->name_len) : name;
}

uint32_t message_rcpt(const struct message *message, uint32_t rcpt)
{
	if (message->rcpt != NULL)
		return message->rcpt->ordinal;
	return message->stub_rcpts != NULL ? message->stub_rcpts[rcpt] : rcpt;
}

void message_destroy(struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	CHECK(list_is_empty(&message->attempts));
	CHECK(!list_node_is_linked(&message->node));
	CHECK(!list_node_is_linked(&message->body_node));
	CHECK(!list_node_is_linked(&message->journal_node));
	CHECK(!hash_node_is_inside(&message->known));
	CHECK(list_is_empty(&message->revivals));
	CHECK(!list_node_is_linked(&message->again_node));
	if (message->rcpt != NULL) {
		if (list_node_is_linked(&message->rcpt->node))
			list_remove(&message->rcpt->node);
		free(message->rcpt->line);
		free(message->rcpt);
	}
	free(message->taken);
	free(message->stub_rcpts);
	body_unref(message->body);
	envelope_unref(message->envelope);
	message->magic = 0;
	free(message);
}
