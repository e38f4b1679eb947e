/* The one spelling under which an address stands in tables of ours.
 *
 * Pure. A receiver may tell ann@ and Ann@ apart (RFC 5321 2.4), but hardly one does, and a person who wants
 * no mail wants none under either spelling: so the local part is in lower case (ASCII; other scripts stay as
 * they are), and without quotes that it does not need (RFC 5321 4.1.2: "ann"@ is ann@). */
#ifndef ENGINE_MAIL_ADDRESS_KEY_H
#define ENGINE_MAIL_ADDRESS_KEY_H

#include "engine/base/buf.h"
#include "engine/base/envelope.h"

/* At most ADDRESS_BYTES_MAX octets: never longer than the address. Not for the null sender. */
void address_key_put(struct buf *buf, const struct envelope_address *address);

#endif
