#include "engine/base/policy.h"

struct text tls_level_text(enum tls_level level)
{
	static const struct text texts[] = {
#define TLS_LEVEL(name, text, meaning) [TLS_LEVEL_##name] = TEXT_INIT(text),
#include "engine/base/policy.def"
#undef TLS_LEVEL
	};
	CHECK((unsigned)level < TLS_LEVEL_COUNT);
	return texts[level];
}

struct text security_level_text(enum security_level level)
{
	static const struct text texts[] = {
#define SECURITY_LEVEL(name, text, meaning) [SECURITY_##name] = TEXT_INIT(text),
#include "engine/base/policy.def"
#undef SECURITY_LEVEL
	};
	CHECK((unsigned)level < SECURITY_LEVEL_COUNT);
	return texts[level];
}

struct text security_need_text(enum security_need need)
{
	static const struct text texts[] = {
#define SECURITY_NEED(name, text, meaning) [SECURITY_NEED_##name] = TEXT_INIT(text),
#include "engine/base/policy.def"
#undef SECURITY_NEED
	};
	CHECK((unsigned)need < SECURITY_NEED_COUNT);
	return texts[need];
}

const char *security_need_meaning(enum security_need need)
{
	static const char *const meanings[] = {
#define SECURITY_NEED(name, text, meaning) [SECURITY_NEED_##name] = meaning,
#include "engine/base/policy.def"
#undef SECURITY_NEED
	};
	CHECK((unsigned)need < SECURITY_NEED_COUNT);
	return meanings[need];
}

struct text tls_result_text(enum tls_result result)
{
	static const struct text texts[] = {
#define TLS_RESULT(name, text, meaning) [TLS_RESULT_##name] = TEXT_INIT(text),
#include "engine/base/policy.def"
#undef TLS_RESULT
	};
	CHECK((unsigned)result < TLS_RESULT_COUNT);
	return texts[result];
}

bool tls_level_parse(struct text text, enum tls_level *out_level)
{
	for (unsigned level = 0; level < TLS_LEVEL_COUNT; level++) {
		if (text_equal_nocase(text, tls_level_text((enum tls_level)level))) {
			*out_level = (enum tls_level)level;
			return true;
		}
	}
	return false;
}

bool tls_level_is_ceiling(enum tls_level level)
{
	switch (level) {
	case TLS_LEVEL_NONE:
	case TLS_LEVEL_MAY:
	case TLS_LEVEL_AUDIT: return true;
	case TLS_LEVEL_DANE:
	case TLS_LEVEL_ENCRYPT:
	case TLS_LEVEL_DANE_ONLY:
	case TLS_LEVEL_SECURE:
	case TLS_LEVEL_COUNT: break;
	}
	return false;
}

struct security_demand security_demand_opportunistic(struct text sni)
{
	return (struct security_demand){ .need = SECURITY_NEED_MAY,
		.cleartext_allowed = true,
		.tls_version_min = TLS_VERSION_1_2,
		.sni = sni };
}

bool security_demand_needs_proof(const struct security_demand *demand)
{
	switch (demand->need) {
	case SECURITY_NEED_DANE:
	case SECURITY_NEED_STS:
	case SECURITY_NEED_DANE_STS:
	case SECURITY_NEED_SECURE:
	case SECURITY_NEED_DANE_SECURE: return true;
	case SECURITY_NEED_MAY:
	case SECURITY_NEED_NONE:
	case SECURITY_NEED_ENCRYPT:
	case SECURITY_NEED_COUNT: break;
	}
	return false;
}

bool security_demand_needs_tls(const struct security_demand *demand)
{
	CHECK(!demand->cleartext_allowed || demand->need == SECURITY_NEED_MAY ||
		demand->need == SECURITY_NEED_NONE);
	return !demand->cleartext_allowed;
}

void security_demand_put_key(const struct security_demand *demand, struct buf *buf)
{
	buf_put_u8(buf, (uint8_t)demand->need);
	buf_put_u8(buf, demand->cleartext_allowed);
	buf_put_u16(buf, demand->tls_version_min);
	buf_put_u32(buf, demand->trust_generation);
	buf_put_text16(buf, demand->sni);
	buf_put_u16(buf, (uint16_t)demand->names_count);
	for (size_t i = 0; i < demand->names_count; i++)
		buf_put_text16(buf, demand->names[i]);
	buf_put_u16(buf, (uint16_t)demand->root_names_count);
	for (size_t i = 0; i < demand->root_names_count; i++)
		buf_put_text16(buf, demand->root_names[i]);
	buf_put_u16(buf, (uint16_t)demand->tlsa_count);
	for (size_t i = 0; i < demand->tlsa_count; i++) {
		const struct tlsa_record *record = &demand->tlsa[i];
		buf_put_u8(buf, record->usage);
		buf_put_u8(buf, record->selector);
		buf_put_u8(buf, record->matching);
		buf_put_text16(buf, record->data);
	}
}

static bool names_equal(
	const struct text *a, size_t a_count, const struct text *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		if (!text_equal(a[i], b[i]))
			return false;
	}
	return true;
}

bool security_demand_equal(const struct security_demand *a, const struct security_demand *b)
{
	if (a->need != b->need || a->cleartext_allowed != b->cleartext_allowed ||
		a->tls_version_min != b->tls_version_min ||
		a->trust_generation != b->trust_generation || !text_equal(a->sni, b->sni) ||
		a->tlsa_count != b->tlsa_count ||
		!names_equal(a->names, a->names_count, b->names, b->names_count) ||
		!names_equal(a->root_names, a->root_names_count, b->root_names,
			b->root_names_count))
		return false;
	for (size_t i = 0; i < a->tlsa_count; i++) {
		if (tlsa_record_compare(&a->tlsa[i], &b->tlsa[i]) != 0)
			return false;
	}
	return true;
}

/* NULL if the arena is exhausted. */
static const struct text *copy_names(const struct text *from, size_t count, struct arena *arena)
{
	struct text *names = arena_alloc_array(arena, count, sizeof *names);
	for (size_t i = 0; names != NULL && i < count; i++) {
		names[i] = arena_text_copy(arena, from[i]);
		if (names[i].data == NULL)
			return NULL;
	}
	return names;
}

bool security_demand_copy(
	struct security_demand *out_demand, const struct security_demand *from, struct arena *arena)
{
	*out_demand = *from;
	out_demand->names = copy_names(from->names, from->names_count, arena);
	out_demand->root_names = copy_names(from->root_names, from->root_names_count, arena);
	struct tlsa_record *tlsa = arena_alloc_array(arena, from->tlsa_count, sizeof *tlsa);
	out_demand->sni = arena_text_copy(arena, from->sni);
	if (out_demand->names == NULL || out_demand->root_names == NULL || tlsa == NULL ||
		out_demand->sni.data == NULL)
		return false;
	for (size_t i = 0; i < from->tlsa_count; i++) {
		tlsa[i] = from->tlsa[i];
		tlsa[i].data = arena_text_copy(arena, from->tlsa[i].data);
		if (tlsa[i].data.data == NULL)
			return false;
	}
	out_demand->tlsa = tlsa;
	return true;
}
