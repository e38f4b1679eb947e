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

uint64_t hub_done_count(const struct hub_counters *c)
{
	return hub_read(&c->delivered) + hub_read(&c->bounced) + hub_read(&c->expired) +
	       hub_read(&c->withdrawn) + hub_read(&c->suppressed) + hub_read(&c->rejected);
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
