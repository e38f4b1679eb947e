/* The first octet chooses the parser, the rest is its input. Whatever is taken must be fit for an
 * SMTP command: no control character, no space outside quotes, parts within their limits, and the
 * same when it is read again. */
#include <stddef.h>
#include <stdint.h>
#include "engine/base/limits.h"
#include "engine/mail/address.h"
#include "engine/mail/esmtp_params.h"
#include "engine/mail/quoted_text.h"
#include "engine/mail/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

static void check_printable(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

static void check_address(const struct envelope_address *address)
{
	check_printable(address->text);
	CHECK(text_is_utf8(address->text));
	struct text local = envelope_local_part(address), domain = envelope_domain(address);
	CHECK(address->text.len <= ADDRESS_BYTES_MAX);
	CHECK(local.len >= 1 && local.len <= LOCAL_PART_BYTES_MAX);
	CHECK(domain.len >= 1 && domain.len <= DOMAIN_BYTES_MAX);
	CHECK(text_is_printable(domain));
	CHECK(text_find(domain, ' ') == TEXT_NONE && text_find(domain, '>') == TEXT_NONE);
	CHECK(local.data[0] == '"' || text_find(local, '>') == TEXT_NONE);
	CHECK(local.data[0] == '"' || text_find(local, ' ') == TEXT_NONE);
	CHECK(address->is_literal == (domain.data[0] == '['));

	struct envelope_address again;
	CHECK(address_parse_mailbox(address->text, &arena, &again, NULL) == RESULT_OK);
	CHECK(text_equal(again.text, address->text));
	CHECK(again.domain_at == address->domain_at);
}

static void check_sentence(const struct fail *fail)
{
	CHECK(fail->text[0] != '\0');
	check_printable(text_of(fail->text));
}

static void try_mailbox(struct text input)
{
	struct envelope_address address;
	struct fail fail;
	if (address_parse_mailbox(input, &arena, &address, &fail) == RESULT_OK)
		check_address(&address);
	else
		check_sentence(&fail);
}

static void try_field(struct text input)
{
	struct envelope_address address;
	struct text rest;
	struct fail fail;
	if (address_parse_field(input, &arena, &address, &rest, &fail) != RESULT_OK)
		check_sentence(&fail);
	else if (address.text.len > 0)
		check_address(&address);
}

static void try_mail_params(struct text input)
{
	struct esmtp_mail_params params;
	struct fail fail;
	if (esmtp_params_parse_mail(input, &params, &fail) != RESULT_OK) {
		check_sentence(&fail);
		return;
	}
	CHECK(xtext_is_valid(params.envid));
	CHECK(params.envid.len <= ENVELOPE_ENVID_MAX);
}

static void try_rcpt_params(struct text input)
{
	struct esmtp_rcpt_params params;
	struct fail fail;
	if (esmtp_params_parse_rcpt(input, &arena, &params, &fail) != RESULT_OK) {
		check_sentence(&fail);
		return;
	}
	CHECK(text_is_printable(params.orcpt));
	CHECK(text_find(params.orcpt, ' ') == TEXT_NONE);
	CHECK(params.orcpt.len <= ENVELOPE_ORCPT_MAX);
	CHECK(!params.notify.never || (!params.notify.success && !params.notify.failure));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (arena.max_bytes == 0)
		arena_init(&arena, 1 << 16, 1 << 20);
	struct text input = text_of_bytes(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0: try_mailbox(input); break;
	case 1: try_field(input); break;
	case 2: try_mail_params(input); break;
	default: try_rcpt_params(input);
	}
	arena_reset(&arena);
	return 0;
}
