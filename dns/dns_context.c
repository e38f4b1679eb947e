#include "dns/dns_context.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/ip_address.h"
#include "engine/base/text.h"

/* Where Debian's packages put the root's key: dns-root-data, then what unbound keeps up to date
 * for itself (RFC 5011). */
static const char *const anchor_places[] = {
	"/usr/share/dns/root.key",
	"/var/lib/unbound/root.key",
	"/etc/unbound/root.key",
};

/* The defaults of a library context are for a stub in a desktop program: 16 ports, 1 MB caches. */
static const struct {
	const char *name, *value;
} options[] = {
	{ "module-config:", "validator iterator" },
	{ "outgoing-range:", "2048" },
	{ "num-queries-per-thread:", "4096" },
	{ "outgoing-num-tcp:", "64" },
	{ "msg-cache-size:", "32m" },
	{ "rrset-cache-size:", "64m" },
	{ "key-cache-size:", "16m" },
	{ "neg-cache-size:", "4m" },
	{ "infra-cache-numhosts:", "50000" },
	/* DNS-18: a server that did not answer is left alone for 15 minutes by default. After 150 s
	 * without its only forwarder a context still failed 350 s later; with these two lines it
	 * answers again within a minute. */
	{ "infra-keep-probing:", "yes" },
	{ "infra-host-ttl:", "120" },
	/* DNS-35: a server that was quick while nothing was to be done is expected to stay so, and by
	 * default asked again after 50 ms. Of 100 questions at once to one that needs 8 ms for each
	 * 95 failed that way, and with 200 ms each was asked four times; with a second none failed
	 * and each was asked once. Like the least time of RFC 6298 2.4, and a lost packet costs no
	 * more than that. */
	{ "infra-cache-min-rtt:", "1000" },
	/* What passes every path without fragments; larger answers come over TCP (DNS-32). */
	{ "edns-buffer-size:", "1232" },
	{ "qname-minimisation:", "yes" },
	/* DNS-37: a denial taken from a validated span lives no longer than that. */
	{ "aggressive-nsec:", "yes" },
	/* DNS-24: nothing beyond its TTL; DNS-13, DNS-17, DNS-19: nothing for too long. */
	{ "serve-expired:", "no" },
	{ "cache-max-ttl:", "86400" },
	{ "cache-max-negative-ttl:", "3600" },
	{ "val-bogus-ttl:", "60" },
	/* DNS-03: what fails validation is a failure, and is not handed out with a remark. */
	{ "val-permissive-mode:", "no" },
	{ "harden-dnssec-stripped:", "yes" },
	/* DNS-33: below 2 the reason why something is bogus is not kept. */
	{ "val-log-level:", "2" },
	/* CVE-2026-44621: any other value can abort a process that uses the library. */
	{ "unwanted-reply-threshold:", "0" },
};

static enum result set_option(
	struct ub_ctx *context, const char *name, const char *value, struct fail *fail)
{
	int error = ub_ctx_set_option(context, name, value);
	if (error == 0)
		return RESULT_OK;
	return fail_set(fail, RESULT_INVALID, "libunbound does not take its option %s %s: %s", name,
		value, ub_strerror(error));
}

static enum result set_options(struct ub_ctx *context, bool ask_loopback, struct fail *fail)
{
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		enum result r = set_option(context, options[i].name, options[i].value, fail);
		if (r != RESULT_OK)
			return r;
	}
	/* SEC-13: a delegation to 127.0.0.1 must not make us talk to what listens here. */
	return set_option(context, "do-not-query-localhost:", ask_loopback ? "no" : "yes", fail);
}

/* "ADDR" or "ADDR@PORT". */
static enum result set_forward(
	struct ub_ctx *context, const char *forward, bool *out_loopback, struct fail *fail)
{
	struct text text = text_of(forward), port_digits = TEXT("53");
	size_t at = text_find(text, '@');
	if (at != TEXT_NONE) {
		port_digits = text_skip(text, at + 1);
		text = text_cut(text, at);
	}
	struct ip_address address;
	uint64_t port;
	if (ip_address_parse(text, &address) != RESULT_OK || !text_to_u64(port_digits, &port) ||
		port == 0 || port > UINT16_MAX)
		return fail_set(fail, RESULT_INVALID,
			"the resolver \"%s\" is not ADDRESS or ADDRESS@PORT", forward);
	*out_loopback = ip_address_is_loopback(&address);
	int error = ub_ctx_set_fwd(context, forward);
	if (error == 0)
		return RESULT_OK;
	return fail_set(fail, RESULT_INVALID, "the resolver \"%s\" cannot be used: %s", forward,
		ub_strerror(error));
}

/* libunbound takes a file without any key and says nothing: all the world would be unsigned. */
static bool line_has_key(const char *line)
{
	struct text rest = text_trim(text_of(line)), word;
	if (rest.len == 0 || rest.data[0] == ';')
		return false;
	while (text_split(&rest, ' ', &word)) {
		struct text record = text_trim(word);
		if (text_equal_nocase(record, TEXT("DNSKEY")) ||
			text_equal_nocase(record, TEXT("DS")))
			return true;
	}
	return false;
}

static enum result check_anchor_file(const char *path, struct fail *fail)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return fail_set_errno(fail, errno, "the trust anchor \"%s\" cannot be read", path);
	/* A DNSKEY of 4,096 bits is under 800 characters; what is longer is cut, behind its type. */
	char line[1024];
	bool found = false;
	while (!found && fgets(line, sizeof line, file) != NULL) {
		for (char *c = line; *c != '\0'; c++)
			if (*c == '\t')
				*c = ' ';
		found = line_has_key(line);
	}
	fclose(file);
	if (found)
		return RESULT_OK;
	return fail_set(fail, RESULT_INVALID,
		"the trust anchor \"%s\" has no DS and no DNSKEY record", path);
}

static const char *find_anchor_file(void)
{
	for (size_t i = 0; i < COUNT_OF(anchor_places); i++)
		if (access(anchor_places[i], R_OK) == 0)
			return anchor_places[i];
	return NULL;
}

static enum result set_anchor(struct ub_ctx *context, const struct dns_resolver_config *config,
	const char **out_anchor_file, struct fail *fail)
{
	const char *path = config->trust_anchor_file;
	if (path == NULL)
		path = find_anchor_file();
	*out_anchor_file = path;
	if (path == NULL)
		return RESULT_OK;
	enum result r = check_anchor_file(path, fail);
	if (r != RESULT_OK)
		return r;
	int error = ub_ctx_add_ta_file(context, path);
	if (error == 0)
		return RESULT_OK;
	return fail_set(fail, RESULT_INVALID, "the trust anchor \"%s\" cannot be used: %s", path,
		ub_strerror(error));
}

/* The first question makes libunbound read everything that was set; one that it answers out of itself
 * does so without a packet. */
static enum result finalize(struct ub_ctx *context, const char *anchor_file, struct fail *fail)
{
	enum { TYPE_A = 1, CLASS_IN = 1 };
	struct ub_result *result = NULL;
	int error = ub_resolve(context, "localhost", TYPE_A, CLASS_IN, &result);
	ub_resolve_free(result);
	if (error == 0)
		return RESULT_OK;
	if (anchor_file != NULL)
		return fail_set(fail, RESULT_INVALID,
			"libunbound does not start with the trust anchor \"%s\": %s", anchor_file,
			ub_strerror(error));
	return fail_set(fail, RESULT_INVALID, "libunbound does not start: %s", ub_strerror(error));
}

static enum result configure(struct ub_ctx *context, const struct dns_resolver_config *config,
	const char **out_anchor_file, struct fail *fail)
{
	/* Its log is for people who debug it; what matters comes with each answer. */
	ub_ctx_debugout(context, NULL);
	int error = ub_ctx_async(context, 1); /* a thread, not a process */
	if (error != 0)
		return fail_set(
			fail, RESULT_INVALID, "libunbound has no threads: %s", ub_strerror(error));
	bool loopback = false;
	enum result r = RESULT_OK;
	if (config->forward != NULL)
		r = set_forward(context, config->forward, &loopback, fail);
	if (r == RESULT_OK)
		r = set_options(context, loopback || config->allow_private, fail);
	if (r == RESULT_OK)
		r = set_anchor(context, config, out_anchor_file, fail);
	if (r == RESULT_OK)
		r = finalize(context, *out_anchor_file, fail);
	return r;
}

enum result dns_context_create(const struct dns_resolver_config *config,
	struct ub_ctx **out_context, const char **out_anchor_file, struct fail *fail)
{
	struct ub_ctx *context = ub_ctx_create();
	if (context == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for libunbound");
	enum result r = configure(context, config, out_anchor_file, fail);
	if (r == RESULT_OK)
		*out_context = context;
	else
		ub_ctx_delete(context);
	return r;
}

void dns_context_destroy(struct ub_ctx *context)
{
	if (context != NULL)
		ub_ctx_delete(context);
}

static void *destroy(void *context)
{
	ub_ctx_delete(context);
	return NULL;
}

void dns_context_abandon(struct ub_ctx *context)
{
	pthread_t thread;
	/* Without a thread for it the context stays: memory lost is better than look-ups lost. */
	if (pthread_create(&thread, NULL, destroy, context) == 0)
		pthread_detach(thread);
}
