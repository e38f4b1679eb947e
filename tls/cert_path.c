#include "tls/cert_path.h"
#include <limits.h>
#include <string.h>
#include <time.h>
#include "engine/base/check.h"
#include <openssl/nid.h>
#include <openssl/x509v3.h>
#include "tls/boringssl.h"

/* ---- parsing ---- */

X509 *cert_path_parse_one(const struct tls_cert *cert)
{
	const uint8_t *end = cert->der;
	X509 *parsed = d2i_X509(NULL, &end, (long)cert->der_len);
	ERR_clear_error();
	if (parsed != NULL && end == cert->der + cert->der_len)
		return parsed;
	X509_free(parsed);
	return NULL;
}

bool cert_path_same(const struct tls_cert *a, const struct tls_cert *b)
{
	return a->der_len == b->der_len && memcmp(a->der, b->der, a->der_len) == 0;
}

void cert_path_parse(const struct tls_chain *chain, struct cert_path_certs *out_certs)
{
	CHECK(chain->certs_count > 0 && chain->certs_count <= TLS_CHAIN_MAX);
	*out_certs = (struct cert_path_certs){ .leaf = cert_path_parse_one(&chain->certs[0]) };
	for (size_t i = 1; i < chain->certs_count; i++) {
		if (cert_path_same(&chain->certs[i], &chain->certs[0]))
			continue;
		X509 *cert = cert_path_parse_one(&chain->certs[i]);
		if (cert == NULL)
			continue; /* a stranger */
		out_certs->others_at[out_certs->others_count] = i;
		out_certs->others[out_certs->others_count++] = cert;
	}
}

void cert_path_free(struct cert_path_certs *certs)
{
	for (size_t i = 0; i < certs->others_count; i++)
		X509_free(certs->others[i]);
	X509_free(certs->leaf);
}

/* One run of X509_verify_cert. */
struct attempt {
	X509 *const *others;
	size_t others_count;
	X509 *const *anchors;
	size_t anchors_count;
	unsigned long flags;
};

/* ---- asking BoringSSL ---- */

static STACK_OF(X509) *stack_of(X509 *const *certs, size_t count)
{
	STACK_OF(X509) *stack = sk_X509_new_null();
	for (size_t i = 0; stack != NULL && i < count; i++) {
		if (sk_X509_push(stack, certs[i]) == 0) {
			sk_X509_free(stack);
			return NULL;
		}
	}
	return stack; /* borrows them */
}

static X509_STORE *store_of(X509 *const *certs, size_t count)
{
	X509_STORE *store = X509_STORE_new();
	for (size_t i = 0; store != NULL && i < count; i++) {
		if (!X509_STORE_add_cert(store, certs[i])) {
			X509_STORE_free(store);
			return NULL;
		}
	}
	return store;
}

/* Seconds since 1970, 0 for a date before it or none at all. */
static uint64_t seconds_of(const ASN1_TIME *date)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool known = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, date) == 1;
	ASN1_TIME_free(epoch);
	int64_t all = (int64_t)days * 86400 + seconds;
	return known && all > 0 ? (uint64_t)all : 0;
}

static unsigned rsa_bits_of(X509 *cert)
{
	EVP_PKEY *key = X509_get_pubkey(cert);
	unsigned bits = key != NULL && EVP_PKEY_id(key) == EVP_PKEY_RSA
		? (unsigned)EVP_PKEY_bits(key)
		: UINT_MAX;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return bits;
}

static bool is_signed_with_sha1(const X509 *cert)
{
	int algorithm = X509_get_signature_nid(cert);
	return algorithm == NID_sha1WithRSAEncryption || algorithm == NID_sha1WithRSA ||
	       algorithm == NID_ecdsa_with_SHA1;
}

/* Subtrees of the name constraints of an authority. */
struct subtrees {
	size_t permitted, excluded;
};

static struct subtrees count_subtrees(X509 *cert)
{
	struct subtrees count = { 0, 0 };
	NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(cert, NID_name_constraints, NULL, NULL);
	if (constraints != NULL && constraints->permittedSubtrees != NULL)
		count.permitted = sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees);
	if (constraints != NULL && constraints->excludedSubtrees != NULL)
		count.excluded = sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees);
	NAME_CONSTRAINTS_free(constraints);
	ERR_clear_error();
	return count;
}

/* The names that constraints are applied to. */
static size_t count_names(X509 *cert)
{
	GENERAL_NAMES *presented = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t count = 1; /* the subject */
	if (presented != NULL)
		count += sk_GENERAL_NAME_num(presented);
	GENERAL_NAMES_free(presented);
	ERR_clear_error();
	return count;
}

static X509 *same_cert(const struct attempt *attempt, const X509 *cert)
{
	for (size_t i = 0; i < attempt->anchors_count; i++) {
		if (X509_cmp(attempt->anchors[i], cert) == 0)
			return attempt->anchors[i];
	}
	return NULL;
}

/* False if the path does not end in an anchor, which would be a mistake of BoringSSL's. */
static bool describe_path(const struct cert_path_question *question, const struct attempt *attempt,
	const STACK_OF(X509) *chain, struct cert_path *out_path)
{
	*out_path = (struct cert_path){
		.length = sk_X509_num(chain),
		.valid_until_s = UINT64_MAX,
		.rsa_bits_min = UINT_MAX,
	};
	CHECK(out_path->length > 0);
	for (size_t i = 0; i < out_path->length; i++) {
		X509 *cert = sk_X509_value(chain, i);
		uint64_t end_s = seconds_of(X509_get0_notAfter(cert));
		unsigned rsa_bits = rsa_bits_of(cert);
		if (end_s < out_path->valid_until_s)
			out_path->valid_until_s = end_s;
		if (rsa_bits < out_path->rsa_bits_min)
			out_path->rsa_bits_min = rsa_bits;
		out_path->has_exclusions |= count_subtrees(cert).excluded > 0;
		if (i + 1 < out_path->length && is_signed_with_sha1(cert))
			out_path->has_sha1 = true;
	}
	if (question->roots != NULL)
		return true;
	out_path->anchor = same_cert(attempt, sk_X509_value(chain, out_path->length - 1));
	return out_path->anchor != NULL;
}

/* RFC 5280 6.1.4 (m), for the self-issued as well: BoringSSL forgives them, and so a root, what an
 * anchor is not forgiven (TLSA-20, RFC 7671 5.2.1). `out_depth`: of the one that is overstepped. */
static bool keeps_path_lengths(const STACK_OF(X509) *chain, size_t *out_depth)
{
	long middle = 0; /* certificates between the leaf and this one that are not self-issued */
	for (size_t i = 1; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		long most = X509_get_pathlen(cert); /* -1: no limit */
		*out_depth = i;
		if (most >= 0 && middle > most)
			return false;
		if ((X509_get_extension_flags(cert) & EXFLAG_SI) == 0)
			middle++;
	}
	return true;
}

/* RFC 5280 6.1.4 (k) and (n), for the anchor as well: BoringSSL asks this only of what stands below it,
 * and one that a key of the DNS has signed (TLSA-18) may be anybody's certificate (TLSA-21). */
static bool are_authorities(const STACK_OF(X509) *chain, size_t *out_depth)
{
	for (size_t i = 1; i < sk_X509_num(chain); i++) {
		*out_depth = i;
		if (X509_check_ca(sk_X509_value(chain, i)) == 0)
			return false;
	}
	return true;
}

static void describe_fault(X509_STORE_CTX *ctx, struct cert_path_fault *out_fault)
{
	int error = X509_STORE_CTX_get_error(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	out_fault->text = X509_verify_cert_error_string(error);
	out_fault->depth = depth > 0 ? (size_t)depth : 0;
	switch (error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED: out_fault->failure = TLS_FAILURE_EXPIRED; break;
	case X509_V_ERR_OUT_OF_MEM: out_fault->failure = TLS_FAILURE_LOCAL; break;
	default: out_fault->failure = TLS_FAILURE_UNTRUSTED; break;
	}
}

static bool run(const struct cert_path_question *question, const struct attempt *attempt,
	X509_STORE_CTX *ctx, struct cert_path *out_path, struct cert_path_fault *out_fault)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)question->time_s);
	X509_VERIFY_PARAM_clear_flags(param, X509_V_FLAG_TRUSTED_FIRST);
	X509_VERIFY_PARAM_set_flags(param,
		attempt->flags | (question->roots == NULL ? X509_V_FLAG_PARTIAL_CHAIN : 0));
	if (!X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER))
		return false;
	if (X509_verify_cert(ctx) != 1) {
		describe_fault(ctx, out_fault);
		return false;
	}
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	*out_fault = (struct cert_path_fault){ .failure = TLS_FAILURE_UNTRUSTED };
	out_fault->text = X509_verify_cert_error_string(X509_V_ERR_INVALID_CA);
	if (!are_authorities(chain, &out_fault->depth))
		return false;
	out_fault->text = X509_verify_cert_error_string(X509_V_ERR_PATH_LENGTH_EXCEEDED);
	if (!keeps_path_lengths(chain, &out_fault->depth))
		return false;
	out_fault->text = "the path ends in no anchor";
	return describe_path(question, attempt, chain, out_path);
}

static bool try(const struct cert_path_question *question, const struct attempt *attempt,
	struct cert_path *out_path, struct cert_path_fault *out_fault)
{
	unsigned cost = (unsigned)attempt->others_count + 1; /* at most */
	*out_fault = (struct cert_path_fault){ TLS_FAILURE_UNTRUSTED,
		"too many signatures would have to be checked", 0 };
	if (*question->signatures_left < cost)
		return false;
	*question->signatures_left -= cost;

	*out_fault = (struct cert_path_fault){ TLS_FAILURE_LOCAL, "out of memory", 0 };
	X509_STORE *store = question->roots;
	if (store == NULL)
		store = store_of(attempt->anchors, attempt->anchors_count);
	STACK_OF(X509) *others = stack_of(attempt->others, attempt->others_count);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool found = store != NULL && others != NULL && ctx != NULL &&
		X509_STORE_CTX_init(ctx, store, question->leaf, others) &&
		run(question, attempt, ctx, out_path, out_fault);
	X509_STORE_CTX_free(ctx);
	sk_X509_free(others);
	if (store != question->roots)
		X509_STORE_free(store);
	ERR_clear_error();
	return found;
}

bool cert_path_is_signed(X509 *cert, EVP_PKEY *key, unsigned *signatures_left)
{
	if (*signatures_left == 0)
		return false;
	(*signatures_left)--;
	bool is_signed = X509_verify(cert, key) == 1;
	ERR_clear_error();
	return is_signed;
}

/* ---- when the names of issuers do not tell which certificate is meant ---- */

/* A depth-first search by signatures. BoringSSL takes the first certificate with the right name and
 * does not come back; where two have one name it has to be shown the way. */
struct search {
	const struct cert_path_question *question;
	X509 *middle[CERT_PATH_CERTS_MAX]; /* between leaf and anchor */
	size_t middle_count;
	struct cert_path *path;
};

static bool has_issued(const struct search *search, X509 *issuer, X509 *cert)
{
	if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(issuer)) != 0)
		return false;
	EVP_PKEY *key = X509_get_pubkey(issuer);
	bool has = key != NULL &&
		cert_path_is_signed(cert, key, search->question->signatures_left);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return has;
}

static bool is_on_path(const struct search *search, const X509 *cert)
{
	for (size_t i = 0; i < search->middle_count; i++) {
		if (search->middle[i] == cert)
			return true;
	}
	return false;
}

static bool search_anchors(struct search *search, X509 *last)
{
	const struct cert_path_question *question = search->question;
	struct cert_path_fault fault; /* the first attempt's tells more */
	for (size_t i = 0; i < question->anchors_count; i++) {
		const struct attempt attempt = { search->middle, search->middle_count,
			&question->anchors[i], 1, 0 };
		if (has_issued(search, question->anchors[i], last) &&
			try(question, &attempt, search->path, &fault))
			return true;
	}
	return false;
}

static bool search_from(struct search *search, X509 *last)
{
	const struct cert_path_question *question = search->question;
	if (search_anchors(search, last))
		return true;
	for (size_t i = 0; i < question->others_count; i++) {
		X509 *next = question->others[i];
		if (is_on_path(search, next) || !has_issued(search, next, last))
			continue;
		search->middle[search->middle_count++] = next;
		if (search_from(search, next))
			return true;
		search->middle_count--;
	}
	return false;
}

static bool has_same_subject(X509 *const *certs, size_t count, const X509 *cert)
{
	for (size_t i = 0; i < count; i++) {
		if (X509_cmp(certs[i], cert) != 0 && X509_NAME_cmp(X509_get_subject_name(certs[i]),
						X509_get_subject_name(cert)) == 0)
			return true;
	}
	return false;
}

/* Only then can another path lead where the first did not. Not for roots: what public authorities issue
 * is made for finders that do not come back. */
static bool is_ambiguous(const struct cert_path_question *question)
{
	if (question->roots != NULL)
		return false;
	for (size_t i = 0; i < question->others_count; i++) {
		if (has_same_subject(question->others, question->others_count, question->others[i]))
			return true;
	}
	for (size_t i = 0; i < question->anchors_count; i++) {
		if (has_same_subject(
			    question->others, question->others_count, question->anchors[i]))
			return true;
	}
	return question->anchors_count > 1;
}

static size_t count_all_subtrees(X509 *const *certs, size_t count)
{
	size_t all = 0;
	for (size_t i = 0; i < count; i++) {
		const struct subtrees subtrees = count_subtrees(certs[i]);
		all += subtrees.permitted + subtrees.excluded;
	}
	return all;
}

static size_t count_all_names(X509 *const *certs, size_t count)
{
	size_t all = 0;
	for (size_t i = 0; i < count; i++)
		all += count_names(certs[i]);
	return all;
}

/* A chain with thousands of names and of constraints would cost a second. Names are not even counted
 * where nothing constrains them, which is nearly everywhere. */
static bool has_too_many_constraints(const struct cert_path_question *question)
{
	size_t subtrees = count_all_subtrees(&question->leaf, 1) +
		count_all_subtrees(question->others, question->others_count) +
		count_all_subtrees(question->anchors, question->anchors_count);
	if (subtrees == 0)
		return false;
	size_t names = count_all_names(&question->leaf, 1) +
		count_all_names(question->others, question->others_count) +
		count_all_names(question->anchors, question->anchors_count);
	return names > CERT_PATH_CONSTRAINTS_MAX / subtrees;
}

bool cert_path_find(const struct cert_path_question *question, struct cert_path *out_path,
	struct cert_path_fault *out_fault)
{
	CHECK(question->others_count < CERT_PATH_CERTS_MAX);
	*out_fault = (struct cert_path_fault){ TLS_FAILURE_UNTRUSTED,
		"too many name constraints would have to be checked", 0 };
	if (has_too_many_constraints(question))
		return false;
	const struct attempt first = { question->others, question->others_count, question->anchors,
		question->anchors_count, X509_V_FLAG_TRUSTED_FIRST };
	if (try(question, &first, out_path, out_fault))
		return true;
	struct search search = { .question = question, .path = out_path };
	return is_ambiguous(question) && search_from(&search, question->leaf);
}
