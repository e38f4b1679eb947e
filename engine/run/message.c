#include "engine/run/message.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

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
	free(message->taken);
	body_unref(message->body);
	envelope_unref(message->envelope);
	message->magic = 0;
	free(message);
}
