/* The policy file of MTA-STS (RFC 8461 3.2), and which hosts its patterns cover (RFC 8461 4.1). Pure;
 * the file comes from a stranger.
 *
 *  - STS-23: lines end in LF or CRLF, the last may end without. Empty lines are let through at the end
 *    alone (STS-25); nothing else that the grammar does not have is.
 *  - STS-24: "key:value" with white space allowed before the value and after it; keys and the values of
 *    version and mode with their case.
 *  - STS-26, STS-27: version, mode and max_age must be there, mx too unless the mode is none. Of fields
 *    other than mx the first counts; later ones and unknown ones must be well-formed and are ignored.
 *    A bad value of a field that counts, or of any mx, makes the file invalid, although the grammar would
 *    let it pass as an extension of that name (STS-29).
 *  - STS-28: a longer max_age than STS_MAX_AGE_MAX_S counts as that one.
 *
 * A policy is a view of its text: the patterns stay there and are walked through, so that the bound of
 * the text is the only one needed for their number. */
#ifndef TLS_STS_POLICY_H
#define TLS_STS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* RFC 8461 3.3 suggests it. */
	STS_POLICY_BYTES_MAX = 64 * 1024,
	/* RFC 8461 3.2: about a year. */
	STS_MAX_AGE_MAX_S = 31557600,
};

enum sts_mode {
	STS_MODE_NONE, /* as if there were no policy (STS-43) */
	STS_MODE_TESTING,
	STS_MODE_ENFORCE,
	STS_MODES
};

struct sts_policy {
	enum sts_mode mode;
	uint32_t max_age_s; /* 0: for now alone, not to be kept (STS-28) */
	size_t mx_count;    /* patterns; 0 only with STS_MODE_NONE */
	struct text text;   /* the whole file, borrowed */
};

/* Reads the file; *out_policy lives as long as the bytes of `text`. RESULT_TOO_LONG: more than
 * STS_POLICY_BYTES_MAX; RESULT_INVALID: not a policy. Both with words for people that name the line;
 * *out_policy is empty then. */
MUST_USE enum result sts_policy_parse(
	struct text text, struct sts_policy *out_policy, struct fail *fail);

/* The patterns in the order of the file, each in turn; *at is 0 for the first call. False: no more. */
bool sts_policy_next_mx(const struct sts_policy *policy, size_t *at, struct text *out_pattern);

/* True if a pattern covers the host (STS-30); *out_pattern, which may be NULL, is the first that does. The
 * mode is not looked at: whoever asks knows what it means for him (STS-50). */
bool sts_policy_covers(const struct sts_policy *policy, struct text host, struct text *out_pattern);

/* True if `pattern`, a name or "*." and a name, covers `host`, the MX name before any alias is followed.
 * Without regard to case; one dot at the end of the host is ignored. "*" stands for exactly one label.
 * Other than in a certificate (cert_name_covers()) one label may be all that is behind it: a domain may
 * say of its own hosts what it likes. What is no host name is covered by nothing. */
bool sts_pattern_covers(struct text pattern, struct text host);

/* "none", "testing", "enforce". */
struct text sts_mode_text(enum sts_mode mode);

#endif
