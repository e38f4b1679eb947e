#include "tls/pkix_verify.h"
#include "engine/base/buf.h"
#include "tls/boringssl.h"
#include "tls/cert_name.h"
#include "tls/cert_path.h"
#include "tls/tls_roots_inside.h"

enum { RSA_BITS_MIN = 2048 };

static void begin_reason(struct pkix_verdict *verdict, enum tls_failure failure, struct buf *buf)
{
	*verdict = (struct pkix_verdict){ .failure = failure };
	buf_init(buf, verdict->reason, sizeof verdict->reason - 1); /* the rest stays '\0' */
}

static void reject(struct pkix_verdict *verdict, enum tls_failure failure, const char *reason)
{
	struct buf buf;
	begin_reason(verdict, failure, &buf);
	buf_put_cstr(&buf, reason);
}

static void reject_names(const struct pkix_question *question, struct pkix_verdict *verdict)
{
	struct buf buf;
	begin_reason(verdict, TLS_FAILURE_NAME, &buf);
	cert_name_put_mismatch(&buf, &question->chain->certs[0], CERT_NAME_ALTERNATIVE_ONLY,
		question->names, question->names_count);
}

static void reject_path(struct pkix_verdict *verdict, const struct cert_path_fault *fault)
{
	struct buf buf;
	begin_reason(verdict, fault->failure, &buf);
	buf_printf(&buf, "has no valid path to a trusted authority: certificate %zu: %s",
		fault->depth, fault->text);
}

static void judge_path(const struct cert_path *path, struct pkix_verdict *verdict)
{
	if (path->rsa_bits_min < RSA_BITS_MIN)
		reject(verdict, TLS_FAILURE_CERTIFICATE,
			"presents an RSA key of less than 2048 bits");
	else if (path->has_sha1)
		reject(verdict, TLS_FAILURE_CERTIFICATE,
			"presents a certificate signed with SHA-1");
	else
		*verdict = (struct pkix_verdict){ .is_match = true,
			.valid_until_s = path->valid_until_s };
}

static bool names_match(const struct pkix_question *question, enum cert_name_wildcards wildcards)
{
	return cert_name_matches(&question->chain->certs[0], CERT_NAME_ALTERNATIVE_ONLY, wildcards,
		question->names, question->names_count);
}

void pkix_verify(const struct pkix_question *question, struct pkix_verdict *out_verdict)
{
	struct cert_path_certs certs;
	struct cert_path path;
	struct cert_path_fault fault;
	unsigned signatures_left = CERT_PATH_SIGNATURES_MAX;
	if (question->chain->certs_count == 0) {
		reject(out_verdict, TLS_FAILURE_CERTIFICATE, "presents no certificate");
		return;
	}
	if (question->chain->is_cut) {
		reject(out_verdict, TLS_FAILURE_CERTIFICATE,
			"presents more certificates than a path is looked for in");
		return;
	}
	/* The name first: it costs the least and says the most. */
	if (!names_match(question, CERT_NAME_WILDCARDS)) {
		reject_names(question, out_verdict);
		return;
	}
	cert_path_parse(question->chain, &certs);
	const struct cert_path_question path_question = {
		.leaf = certs.leaf,
		.others = certs.others,
		.others_count = certs.others_count,
		.roots = question->roots->store,
		.time_s = question->time_s,
		.signatures_left = &signatures_left,
	};
	if (certs.leaf == NULL)
		reject(out_verdict, TLS_FAILURE_CERTIFICATE,
			"presents a certificate that cannot be parsed");
	else if (!cert_path_find(&path_question, &path, &fault))
		reject_path(out_verdict, &fault);
	else if (path.has_exclusions && !names_match(question, CERT_NAME_NO_WILDCARDS))
		reject_names(question, out_verdict);
	else
		judge_path(&path, out_verdict);
	cert_path_free(&certs);
}
