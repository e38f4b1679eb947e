#include "bench/mail_token.h"
#include "bench/body_digest.h"

enum {
	/* Addresses are shorter (RFC 5321 4.5.3.1); what is longer is hashed cut, which is still a hash. */
	ADDRESS_HASHED_MAX = 512,
	/* A fixed width, so that the field's length is known before the body is. */
	SIZE_DIGITS = 10,
};

void mail_token_put_hex(struct buf *out, uint64_t value)
{
	uint8_t bytes[8];
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
	buf_put_hex(out, bytes, sizeof bytes);
}

void mail_token_format(const struct mail_token *token, struct buf *out)
{
	buf_put_text(out, TEXT(MAIL_TOKEN_FIELD ": run="));
	mail_token_put_hex(out, token->run);
	buf_put_text(out, TEXT(" id="));
	buf_put_number(out, token->id);
	buf_put_text(out, TEXT(" size="));
	buf_put_number_padded(out, token->size, SIZE_DIGITS);
	buf_put_text(out, TEXT(" digest="));
	mail_token_put_hex(out, token->digest);
}

static bool hex_digit(char digit, uint64_t *out_value)
{
	if (digit >= '0' && digit <= '9')
		*out_value = (uint64_t)(digit - '0');
	else if (digit >= 'a' && digit <= 'f')
		*out_value = (uint64_t)(digit - 'a' + 10);
	else
		return false;
	return true;
}

bool mail_token_parse_hex(struct text digits, uint64_t *out_value)
{
	if (digits.len != 16)
		return false;
	uint64_t value = 0;
	for (size_t i = 0; i < digits.len; i++) {
		uint64_t digit;
		if (!hex_digit(digits.data[i], &digit))
			return false;
		value = value << 4 | digit;
	}
	*out_value = value;
	return true;
}

/* Takes "name=" off the front of the next word; what is left of the word is the value. */
static bool take_word(struct text *rest, struct text name, struct text *out_value)
{
	struct text word;
	if (!text_split(rest, ' ', &word) || !text_starts(word, name))
		return false;
	*out_value = text_skip(word, name.len);
	return true;
}

bool mail_token_parse(struct text value, struct mail_token *out_token)
{
	struct text rest = text_trim(value), word;
	return take_word(&rest, TEXT("run="), &word) && mail_token_parse_hex(word, &out_token->run) &&
		take_word(&rest, TEXT("id="), &word) && text_to_u64(word, &out_token->id) &&
		take_word(&rest, TEXT("size="), &word) && text_to_u64(word, &out_token->size) &&
		take_word(&rest, TEXT("digest="), &word) &&
		mail_token_parse_hex(word, &out_token->digest) && text_is_empty(rest);
}

uint64_t mail_token_rcpt_hash(struct text rcpt)
{
	uint8_t folded[ADDRESS_HASHED_MAX];
	size_t len = rcpt.len < sizeof folded ? rcpt.len : sizeof folded;
	size_t at = text_find_last(rcpt, '@');
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)rcpt.data[i];
		folded[i] = at != TEXT_NONE && i > at ? text_lower(byte) : byte;
	}
	return body_digest_of(folded, len);
}

/* Two rounds of the finalizer of SplitMix64: neighbours in run or id end far apart. */
static uint64_t stir(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
	value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
	return value ^ (value >> 31);
}

uint64_t mail_token_join(uint64_t run, uint64_t id, uint64_t rcpt_hash)
{
	return stir(stir(run ^ stir(id)) ^ rcpt_hash);
}

uint64_t mail_token_delivery_key(uint64_t run, uint64_t id, struct text rcpt)
{
	return mail_token_join(run, id, mail_token_rcpt_hash(rcpt));
}
