#include "engine/run/hub.h"
#include "engine/base/check.h"

void hub_post(struct mailbox *to, enum post_kind kind, void *object, uint32_t number, uint64_t a)
{
	CHECK(kind > POST_PING && kind < POST_COUNT);
	const struct mailbox_message message = {
		.kind = (uint16_t)kind,
		.number = number,
		.object = object,
		.a = a,
	};
	mailbox_post(to, &message);
}

const char *post_name(enum post_kind kind)
{
	static const char *const names[POST_COUNT] = {
		[POST_PING] = "PING",
#define POST(name, from, to, meaning) [POST_##name] = #name,
#include "engine/run/post.def"
#undef POST
	};
	CHECK(kind < POST_COUNT);
	return names[kind];
}
