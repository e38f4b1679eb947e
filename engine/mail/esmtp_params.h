/* The ESMTP parameters that stand behind the address on X-Sender and X-Receiver, written as behind
 * MAIL FROM and RCPT TO: BODY= RET= ENVID= SMTPUTF8 REQUIRETLS, and NOTIFY= ORCPT=.
 *
 * Pure. Keywords and their fixed values are case-insensitive (RFC 5321 2.4). Every parameter may
 * come once (EXT-DSN-02). One that is not known is an error and not dropped in silence, since it
 * may have been a demand (EXT-GEN-02). SIZE= and AUTH= are read and dropped: the size is measured
 * (EXT-SIZE-01), and we never log in at a receiver. */
#ifndef ENGINE_MAIL_ESMTP_PARAMS_H
#define ENGINE_MAIL_ESMTP_PARAMS_H

#include <stdbool.h>
#include "engine/base/arena.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct esmtp_mail_params {
	enum envelope_body_type body_type;
	enum envelope_ret ret;
	struct text envid; /* xtext, borrowed from the input */
	bool smtputf8;
	bool requiretls;
};

struct esmtp_rcpt_params {
	struct envelope_notify notify;
	struct text orcpt; /* borrowed from the input, or in the arena when it held raw UTF-8 */
};

/* RESULT_INVALID: the sentence for people is in out_fail. BODY=BINARYMIME is invalid: a file has
 * lines, and its line ends are changed on the way (EXT-BIN-01: not accepted at injection). */
MUST_USE enum result esmtp_params_parse_mail(
	struct text params, struct esmtp_mail_params *out_params, struct fail *out_fail);

/* As above; also RESULT_MEMORY. */
MUST_USE enum result esmtp_params_parse_rcpt(struct text params, struct arena *arena,
	struct esmtp_rcpt_params *out_params, struct fail *out_fail);

#endif
