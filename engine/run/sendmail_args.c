#include "engine/run/sendmail_args.h"
#include <string.h>

/* One place in argv: the word, and the letter in it. */
struct cursor {
	int argc;
	char *const *argv;
	int at;
	const char *letter;
	struct fail *fail;
};

/* The rest of the word, or the next one. */
static const char *take_value(struct cursor *c)
{
	char letter = *c->letter;
	const char *value = c->letter + 1;
	c->letter = "";
	if (*value != '\0')
		return value;
	if (c->at + 1 < c->argc)
		return c->argv[++c->at];
	(void)fail_set(c->fail, RESULT_INVALID, "-%c needs a value", letter);
	return NULL;
}

/* Letters whose value is given in the same word or not at all. */
static const char *take_attached(struct cursor *c)
{
	const char *value = c->letter + 1;
	c->letter = "";
	return value;
}

static enum result set_text(struct cursor *c, const char **out_value)
{
	const char *value = take_value(c);
	if (value == NULL)
		return RESULT_INVALID;
	*out_value = value;
	return RESULT_OK;
}

/* -bm, to deliver what comes in, is what is done anyway. */
static enum result set_mode(struct cursor *c)
{
	const char *mode = take_value(c);
	if (mode == NULL)
		return RESULT_INVALID;
	if (*mode == 'm')
		return RESULT_OK;
	return fail_set(c->fail, RESULT_INVALID,
		"-b%s: this sendmail only takes mail; longship queue shows what waits", mode);
}

static enum result set_option(struct sendmail_args *args, struct cursor *c)
{
	const char *option = take_value(c);
	if (option == NULL)
		return RESULT_INVALID;
	args->ignores_dots |= strcmp(option, "i") == 0;
	return RESULT_OK; /* -oem, -odb and the like */
}

static enum result set_return(struct sendmail_args *args, struct cursor *c)
{
	const char *value = take_value(c);
	if (value == NULL)
		return RESULT_INVALID;
	if (text_equal_nocase(text_of(value), TEXT("full")))
		args->ret = SENDMAIL_RETURN_FULL;
	else if (text_equal_nocase(text_of(value), TEXT("hdrs")))
		args->ret = SENDMAIL_RETURN_HDRS;
	else
		return fail_set(
			c->fail, RESULT_INVALID, "-R %s: full or hdrs (RFC 3461 4.3)", value);
	return RESULT_OK;
}

static enum result set_letter(struct sendmail_args *args, struct cursor *c)
{
	switch (*c->letter) {
	case 't': args->reads_receivers = true; return RESULT_OK;
	case 'i': args->ignores_dots = true; return RESULT_OK;
	case 'f':
	case 'r': args->has_sender = true; return set_text(c, &args->sender);
	case 'F': return set_text(c, &args->full_name);
	case 'N': return set_text(c, &args->notify);
	case 'V': return set_text(c, &args->envid);
	case 'R': return set_return(args, c);
	case 'B': return set_text(c, &args->body);
	case 'b': return set_mode(c);
	case 'o': return set_option(args, c);
	case 'A':
	case 'C':
	case 'L':
	case 'O':
	case 'X':
	case 'h':
	case 'p': return take_value(c) != NULL ? RESULT_OK : RESULT_INVALID;
	case 'd':
	case 'e': (void)take_attached(c); return RESULT_OK;
	case 'G':
	case 'I':
	case 'U':
	case 'm':
	case 'n':
	case 'v': return RESULT_OK;
	case 'q':
		return fail_set(c->fail, RESULT_INVALID,
			"-q: this sendmail only takes mail; longship send delivers it");
	default: return fail_set(c->fail, RESULT_INVALID, "there is no option -%c", *c->letter);
	}
}

/* --spool DIR and --domain NAME, also with =. */
static enum result set_long(struct sendmail_args *args, struct cursor *c)
{
	static const char *const names[] = { "spool", "domain" };
	const char **const values[] = { &args->spool, &args->domain };
	struct text word = text_of(c->argv[c->at] + 2);
	if (text_equal(word, TEXT("help"))) {
		args->help = true;
		return RESULT_OK;
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct text name = text_of(names[i]);
		if (!text_starts(word, name))
			continue;
		if (word.len > name.len && word.data[name.len] == '=') {
			*values[i] = word.data + name.len + 1;
			return RESULT_OK;
		}
		if (word.len == name.len && c->at + 1 < c->argc) {
			*values[i] = c->argv[++c->at];
			return RESULT_OK;
		}
	}
	return fail_set(c->fail, RESULT_INVALID,
		"there is no option %.100s, or its value is missing", c->argv[c->at]);
}

static enum result parse_word(struct sendmail_args *args, struct cursor *c)
{
	if (c->argv[c->at][1] == '-')
		return set_long(args, c);
	enum result r = RESULT_OK;
	for (c->letter = c->argv[c->at] + 1; *c->letter != '\0' && r == RESULT_OK;) {
		r = set_letter(args, c);
		c->letter += *c->letter != '\0';
	}
	return r;
}

enum result sendmail_args_parse(
	struct sendmail_args *args, int argc, char *const *argv, struct fail *fail)
{
	*args = (struct sendmail_args){ .sender = "" };
	struct cursor c = { .argc = argc, .argv = argv, .at = 1, .fail = fail };
	for (; c.at < argc && argv[c.at][0] == '-' && argv[c.at][1] != '\0'; c.at++) {
		if (strcmp(argv[c.at], "--") == 0) {
			c.at++;
			break;
		}
		enum result r = parse_word(args, &c);
		if (r != RESULT_OK)
			return r;
	}
	args->operands_at = c.at;
	return RESULT_OK;
}
