/* xtext of RFC 3461 4: the coding of ENVID and ORCPT values in SMTP commands (EXT-DSN-02).
 * Pure; what it writes goes to a buffer of the caller, whose overflow says that it did not fit. */
#ifndef ENGINE_MAIL_XTEXT_H
#define ENGINE_MAIL_XTEXT_H

#include <stdbool.h>
#include "engine/base/buf.h"
#include "engine/base/text.h"

/* True for text that may go on the wire as it is: printable ASCII without space, "+" only before
 * two upper-case hex digits, no "=". Empty is xtext. */
bool xtext_is_valid(struct text encoded);

/* Any octets into xtext: "+", "=", space, controls and octets over 126 become +HH. */
void xtext_put(struct buf *buf, struct text raw);

/* The octets that valid xtext stands for. */
void xtext_put_decoded(struct buf *buf, struct text encoded);

/* RFC 6533 3: an address in UTF-8 (the value of an ORCPT of type utf-8) with every character that
 * is not ASCII as \x{HEX}, so that servers without SMTPUTF8 take it too (EXT-DSN-05). ASCII is
 * copied as it is. `address` must be UTF-8. */
void xtext_put_utf8_address(struct buf *buf, struct text address);

#endif
