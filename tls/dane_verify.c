#include "tls/dane_verify.h"
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/policy.h"
#include "engine/base/tlsa_text.h"
#include "tls/boringssl.h"
#include "tls/cert_name.h"
#include "tls/cert_path.h"
#include "tls/dane_match.h"

enum { SHOWN_HEX_BYTES = 8 };

/* An anchor and the record it stands for. */
struct anchor {
	X509 *cert;
	size_t record;
};

/* One verification of usage 2. */
struct work {
	const struct dane_question *question;
	struct dane_verdict *verdict;
	struct cert_path_certs certs;
	struct anchor anchors[CERT_PATH_CERTS_MAX];
	size_t anchors_count;
	unsigned signatures_left;
	bool has_exclusions; /* of the path that was found */
};

struct dane_question dane_question_of(
	const struct tls_chain *chain, const struct security_demand *demand, uint64_t time_s)
{
	return (struct dane_question){
		.chain = chain,
		.records = demand->tlsa,
		.records_count = demand->tlsa_count,
		.names = demand->names,
		.names_count = demand->names_count,
		.time_s = time_s,
	};
}

/* ---- verdicts ---- */

static void accept(struct dane_verdict *verdict, size_t record, size_t depth, uint64_t until_s)
{
	*verdict = (struct dane_verdict){
		.is_match = true, .record = record, .depth = depth, .valid_until_s = until_s
	};
}

static void begin_reason(struct dane_verdict *verdict, enum tls_failure failure, struct buf *buf)
{
	*verdict = (struct dane_verdict){ .failure = failure };
	buf_init(buf, verdict->reason, sizeof verdict->reason - 1); /* the rest stays '\0' */
}

/* "matches no TLSA record (3 1 1 0123456789abcdef..., and 2 more)" */
static void reject_no_match(const struct dane_question *question, struct dane_verdict *verdict)
{
	struct buf buf;
	begin_reason(verdict, TLS_FAILURE_UNTRUSTED, &buf);
	buf_put_cstr(&buf, "presents a certificate that matches no TLSA record (");
	tlsa_text_put(&buf, &question->records[0], SHOWN_HEX_BYTES);
	if (question->records_count > 1)
		buf_printf(&buf, ", and %zu more", question->records_count - 1);
	buf_put_cstr(&buf, ")");
}

static void reject_names(struct work *work)
{
	struct buf buf;
	begin_reason(work->verdict, TLS_FAILURE_NAME, &buf);
	cert_name_put_mismatch(&buf, &work->question->chain->certs[0],
		CERT_NAME_ALTERNATIVE_OR_COMMON, work->question->names,
		work->question->names_count);
}

static void reject_path(struct work *work, const struct cert_path_fault *fault, size_t record)
{
	struct buf buf;
	begin_reason(work->verdict, fault->failure, &buf);
	buf_put_cstr(&buf, "has no valid path to the anchor of ");
	tlsa_text_put(&buf, &work->question->records[record], SHOWN_HEX_BYTES);
	buf_printf(&buf, ": certificate %zu: %s", fault->depth, fault->text);
}

static void reject(struct dane_verdict *verdict, enum tls_failure failure, const char *reason)
{
	struct buf buf;
	begin_reason(verdict, failure, &buf);
	buf_put_cstr(&buf, reason);
}

/* ---- usage 3 ---- */

bool dane_verify_leaf(const struct dane_question *question, struct dane_verdict *out_verdict)
{
	struct dane_subject leaf;
	if (question->chain->certs_count == 0)
		return false;
	dane_subject_init(&leaf, &question->chain->certs[0]);
	for (size_t i = 0; i < question->records_count; i++) {
		const struct tlsa_record *record = &question->records[i];
		if (record->usage == TLSA_USAGE_DANE_EE && dane_match(&leaf, record)) {
			accept(out_verdict, i, 0, UINT64_MAX);
			return true;
		}
	}
	return false;
}

/* ---- usage 2: what there is ---- */

static void add_anchor(struct work *work, X509 *cert, size_t record)
{
	if (work->anchors_count == CERT_PATH_CERTS_MAX)
		return; /* TLSA-28 */
	X509_up_ref(cert);
	work->anchors[work->anchors_count++] = (struct anchor){ cert, record };
}

/* The first record that the certificate matches makes it an anchor. */
static void match_anchor(struct work *work, const struct tls_cert *der, X509 *cert)
{
	const struct dane_question *question = work->question;
	struct dane_subject subject;
	dane_subject_init(&subject, der);
	for (size_t i = 0; i < question->records_count; i++) {
		if (question->records[i].usage == TLSA_USAGE_DANE_TA &&
			dane_match(&subject, &question->records[i])) {
			add_anchor(work, cert, i);
			return;
		}
	}
}

/* TLSA-23: the leaf is no anchor, nor is another copy of it. */
static void collect_presented(struct work *work)
{
	for (size_t i = 0; i < work->certs.others_count; i++) {
		size_t at = work->certs.others_at[i];
		match_anchor(work, &work->question->chain->certs[at], work->certs.others[i]);
	}
}

/* TLSA-17: 2 0 0 is an anchor by itself, presented or not. */
static void collect_published(struct work *work)
{
	const struct dane_question *question = work->question;
	for (size_t i = 0; i < question->records_count; i++) {
		const struct tlsa_record *record = &question->records[i];
		const struct tls_cert der = { (const uint8_t *)record->data.data,
			record->data.len };
		if (record->usage != TLSA_USAGE_DANE_TA || record->selector != TLSA_SELECTOR_CERT ||
			record->matching != TLSA_MATCHING_FULL ||
			cert_path_same(&der, &question->chain->certs[0]))
			continue;
		X509 *cert = cert_path_parse_one(&der);
		if (cert != NULL)
			add_anchor(work, cert, i);
		X509_free(cert);
	}
}

static void release(struct work *work)
{
	for (size_t i = 0; i < work->anchors_count; i++)
		X509_free(work->anchors[i].cert);
	cert_path_free(&work->certs);
}

/* ---- usage 2: the path ---- */

static struct cert_path_question path_question(
	struct work *work, X509 *const *anchors, size_t anchors_count)
{
	return (struct cert_path_question){
		.leaf = work->certs.leaf,
		.others = work->certs.others,
		.others_count = work->certs.others_count,
		.anchors = anchors,
		.anchors_count = anchors_count,
		.time_s = work->question->time_s,
		.signatures_left = &work->signatures_left,
	};
}

static size_t record_of(const struct work *work, const X509 *anchor)
{
	for (size_t i = 0; i < work->anchors_count; i++) {
		if (work->anchors[i].cert == anchor)
			return work->anchors[i].record;
	}
	UNREACHABLE("an anchor that was not given");
}

static bool try_anchors(struct work *work)
{
	X509 *anchors[CERT_PATH_CERTS_MAX];
	struct cert_path path;
	struct cert_path_fault fault;
	if (work->anchors_count == 0)
		return false;
	for (size_t i = 0; i < work->anchors_count; i++)
		anchors[i] = work->anchors[i].cert;
	struct cert_path_question question = path_question(work, anchors, work->anchors_count);
	if (!cert_path_find(&question, &path, &fault)) {
		reject_path(work, &fault, work->anchors[0].record);
		return false;
	}
	work->has_exclusions = path.has_exclusions;
	accept(work->verdict, record_of(work, path.anchor), path.length - 1, path.valid_until_s);
	return true;
}

/* The key has signed `cert`, so a path that ends there is one to the key. Without other
 * certificates when that is the leaf: no path through them is meant. */
static bool try_signed(struct work *work, X509 *cert, size_t record)
{
	struct cert_path path;
	struct cert_path_fault fault;
	struct cert_path_question question = path_question(work, &cert, 1);
	if (cert == work->certs.leaf)
		question.others_count = 0;
	if (!cert_path_find(&question, &path, &fault)) {
		reject_path(work, &fault, record);
		return false;
	}
	work->has_exclusions = path.has_exclusions;
	accept(work->verdict, record, path.length, path.valid_until_s);
	return true;
}

/* TLSA-23 again: what carries the key itself is not below it. */
static bool is_signed(struct work *work, X509 *cert, EVP_PKEY *key)
{
	EVP_PKEY *own = X509_get_pubkey(cert);
	bool carries = own != NULL && EVP_PKEY_cmp(own, key) == 1;
	EVP_PKEY_free(own);
	return !carries && cert_path_is_signed(cert, key, &work->signatures_left);
}

static bool is_bare_key(const struct tlsa_record *record)
{
	return record->usage == TLSA_USAGE_DANE_TA && record->selector == TLSA_SELECTOR_SPKI &&
	       record->matching == TLSA_MATCHING_FULL;
}

static EVP_PKEY *key_of(const struct tlsa_record *record)
{
	if (!is_bare_key(record))
		return NULL;
	CBS der;
	CBS_init(&der, (const uint8_t *)record->data.data, record->data.len);
	EVP_PKEY *key = EVP_parse_public_key(&der); /* NULL for what BoringSSL does not know */
	ERR_clear_error();
	return key;
}

/* TLSA-18: only certificates at the top, those that no other presented one claims to have issued,
 * would be enough; but a server may send more than the path, so each is tried. */
static bool try_key(struct work *work, EVP_PKEY *key, size_t record)
{
	const struct cert_path_certs *certs = &work->certs;
	if (is_signed(work, certs->leaf, key) && try_signed(work, certs->leaf, record))
		return true;
	for (size_t i = 0; i < certs->others_count; i++) {
		if (is_signed(work, certs->others[i], key) &&
			try_signed(work, certs->others[i], record))
			return true;
	}
	return false;
}

static bool try_keys(struct work *work)
{
	for (size_t i = 0; i < work->question->records_count; i++) {
		EVP_PKEY *key = key_of(&work->question->records[i]);
		bool found = key != NULL && try_key(work, key, i);
		EVP_PKEY_free(key);
		if (found)
			return true;
	}
	return false;
}

static bool has_usage_2(const struct dane_question *question)
{
	for (size_t i = 0; i < question->records_count; i++) {
		if (question->records[i].usage == TLSA_USAGE_DANE_TA)
			return true;
	}
	return false;
}

static bool names_match(const struct work *work, enum cert_name_wildcards wildcards)
{
	return cert_name_matches(&work->question->chain->certs[0], CERT_NAME_ALTERNATIVE_OR_COMMON,
		wildcards, work->question->names, work->question->names_count);
}

/* False: no record has anything to do with the chain, which says more than a wrong name. */
static bool has_way(const struct work *work)
{
	for (size_t i = 0; i < work->question->records_count; i++) {
		if (is_bare_key(&work->question->records[i]))
			return true;
	}
	return work->anchors_count > 0;
}

static void verify_anchored(struct work *work)
{
	const struct dane_question *question = work->question;
	cert_path_parse(question->chain, &work->certs);
	if (work->certs.leaf == NULL) {
		reject(work->verdict, TLS_FAILURE_CERTIFICATE,
			"presents a certificate that cannot be parsed");
		return;
	}
	collect_presented(work);
	collect_published(work);
	reject_no_match(question, work->verdict); /* until something better is known */
	/* The names first: they cost the least. */
	if (!names_match(work, CERT_NAME_WILDCARDS) && has_way(work)) {
		reject_names(work);
		return;
	}
	if ((try_anchors(work) || try_keys(work)) && work->has_exclusions &&
		!names_match(work, CERT_NAME_NO_WILDCARDS))
		reject_names(work);
}

void dane_verify(const struct dane_question *question, struct dane_verdict *out_verdict)
{
	if (question->records_count == 0) {
		reject(out_verdict, TLS_FAILURE_UNTRUSTED, "has no TLSA record that can be used");
		return;
	}
	if (question->chain->certs_count == 0) {
		reject(out_verdict, TLS_FAILURE_CERTIFICATE, "presents no certificate");
		return;
	}
	if (dane_verify_leaf(question, out_verdict))
		return;
	if (!has_usage_2(question)) {
		reject_no_match(question, out_verdict);
		return;
	}
	if (question->chain->is_cut) {
		reject(out_verdict, TLS_FAILURE_CERTIFICATE,
			"presents more certificates than a path is looked for in");
		return;
	}
	struct work work = {
		.question = question,
		.verdict = out_verdict,
		.signatures_left = CERT_PATH_SIGNATURES_MAX,
	};
	verify_anchored(&work);
	release(&work);
}
