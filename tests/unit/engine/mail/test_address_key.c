#include "engine/mail/address_key.h"
#include "engine/mail/address.h"
#include "tests/unit/unit.h"

static void one_mailbox_has_one_spelling(void **state)
{
	(void)state;
	static const struct {
		const char *mailbox, *key;
	} rows[] = {
		{ "ann@a.example", "ann@a.example" },
		{ "Ann.B+Tag@A.Example", "ann.b+tag@a.example" },
		{ "\"Ann\"@a.example", "ann@a.example" },
		{ "\"a\\nn\"@a.example", "ann@a.example" },
		{ "\"a.b\"@a.example", "a.b@a.example" },
		/* These need their quotes. */
		{ "\"A b\"@a.example", "\"a b\"@a.example" },
		{ "\"a..b\"@a.example", "\"a..b\"@a.example" },
		{ "\".a\"@a.example", "\".a\"@a.example" },
		{ "\"a.\"@a.example", "\"a.\"@a.example" },
		{ "\"\"@a.example", "\"\"@a.example" },
		{ "\"a@b\"@a.example", "\"a@b\"@a.example" },
		{ "\"\\a\\\"\\\\\"@a.example", "\"a\\\"\\\\\"@a.example" },
		/* Other scripts keep their case: what is the same there is not ours to say. */
		{ "\xc3\x84nn@b\xc3\xbc"
		  "cher.example",
			"\xc3\x84nn@xn--bcher-kva.example" },
		{ "a@[IPv6:2001:DB8::1]", "a@[IPv6:2001:db8::1]" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char scratch[1024], memory[ADDRESS_BYTES_MAX];
		struct arena arena;
		struct envelope_address address;
		struct buf buf;
		arena_init_fixed(&arena, scratch, sizeof scratch);
		assert_int_equal(
			address_parse_mailbox(text_of(rows[i].mailbox), &arena, &address, NULL),
			RESULT_OK);
		buf_init(&buf, memory, sizeof memory);
		address_key_put(&buf, &address);
		assert_text_equal(buf_text(&buf), rows[i].key);
		assert_true(buf.len <= address.text.len);
		arena_deinit(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_mailbox_has_one_spelling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
