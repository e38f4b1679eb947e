/* Mailboxes of RFC 5321, with RFC 6531 local parts and IDN domains, as people put them into files.
 *
 * Pure. The outcome is what goes between < and > of MAIL and RCPT: the local part byte for byte
 * (SMTP-22), the domain as lower-case A-labels (MX-01) or an address literal. What is refused here
 * never reaches a command: control characters, spaces outside quotes, source routes (SMTP-23,
 * SMTP-24), parts over the limits of RFC 5321 4.5.3.1 (SMTP-25). All refusals are permanent. */
#ifndef ENGINE_MAIL_ADDRESS_H
#define ENGINE_MAIL_ADDRESS_H

#include "engine/base/arena.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

/* A whole text that is one mailbox, without < and > ("a@b.example").
 * The address's text is in `arena`. RESULT_INVALID: not a mailbox, the sentence for people
 * is in out_fail; RESULT_MEMORY: the arena is exhausted. */
MUST_USE enum result address_parse_mailbox(struct text mailbox, struct arena *arena,
	struct envelope_address *out_address, struct fail *out_fail);

/* What stands at the front of an X-Sender or X-Receiver value, unfolded:
 *   <a@b>   a@b   "Ann B." <a@b>   =?utf-8?B?w4Q=?= <a@b>   Ann B. <a@b>   <>
 * A display name is skipped, as .NET writes one. out_rest is what follows, trimmed: the ESMTP
 * parameters; it borrows from `value`. "<>" gives the empty address, and it is the caller who
 * knows whether there may be one. Results as above. */
MUST_USE enum result address_parse_field(struct text value, struct arena *arena,
	struct envelope_address *out_address, struct text *out_rest, struct fail *out_fail);

#endif
