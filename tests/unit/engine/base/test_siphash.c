#include "tests/unit/unit.h"
#include "engine/base/siphash.h"

/* The reference vectors of the paper's authors: key 00..0f, input 00, 00 01, 00 01 02 ... */
static void the_published_vectors(void **state)
{
	(void)state;
	static const uint64_t want[] = {
		UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
		UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
		UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
		UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x7a5dbbc594ddb9f3), UINT64_C(0xf4b32f46226bada7),
		UINT64_C(0x751e8fbc860ee5fb), UINT64_C(0x14ea5627c0843d90), UINT64_C(0xf723ca908e7af2ee),
		UINT64_C(0xa129ca6149be45e5),
	};
	uint8_t bytes[16];
	for (uint8_t i = 0; i < 16; i++)
		bytes[i] = i;
	struct siphash_key key = siphash_key_of(bytes);
	for (size_t len = 0; len < 16; len++)
		assert_true(siphash(&key, bytes, len) == want[len]);
}

static void another_key_gives_another_hash(void **state)
{
	(void)state;
	struct siphash_key a = { 1, 2 }, b = { 1, 3 };
	assert_true(siphash(&a, "mx.example", 10) != siphash(&b, "mx.example", 10));
	assert_true(siphash(&a, NULL, 0) != siphash(&b, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors),
		cmocka_unit_test(another_key_gives_another_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
