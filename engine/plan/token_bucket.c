#include "engine/plan/token_bucket.h"
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"

void token_bucket_init(struct token_bucket *bucket, struct rate rate)
{
	*bucket = (struct token_bucket){ 0 };
	if (rate.count == 0)
		return;
	CHECK(rate.period_ns / rate.count > 0);
	bucket->every_ns = rate.period_ns / rate.count;
	uint64_t saved = TOKEN_BUCKET_SAVES_MS * MS_NS / bucket->every_ns;
	bucket->saved_ns = saved > 1 ? (saved - 1) * bucket->every_ns : 0;
}

uint64_t token_bucket_due_ns(const struct token_bucket *bucket)
{
	return bucket->next_ns > bucket->saved_ns ? bucket->next_ns - bucket->saved_ns : 0;
}

uint32_t token_bucket_count(const struct token_bucket *bucket, uint64_t now_ns)
{
	if (bucket->every_ns == 0)
		return UINT32_MAX;
	uint64_t due_ns = token_bucket_due_ns(bucket);
	if (due_ns > now_ns)
		return 0;
	uint64_t most = bucket->saved_ns / bucket->every_ns + 1;
	uint64_t count = (now_ns - due_ns) / bucket->every_ns + 1;
	return (uint32_t)(count < most ? count : most);
}

bool token_bucket_take(struct token_bucket *bucket, uint64_t now_ns)
{
	if (bucket->every_ns == 0)
		return true;
	if (token_bucket_due_ns(bucket) > now_ns)
		return false;
	uint64_t from_ns = bucket->next_ns > now_ns ? bucket->next_ns : now_ns;
	bucket->next_ns = from_ns + bucket->every_ns;
	return true;
}

void token_bucket_give(struct token_bucket *bucket)
{
	bucket->next_ns =
		bucket->next_ns > bucket->every_ns ? bucket->next_ns - bucket->every_ns : 0;
}
