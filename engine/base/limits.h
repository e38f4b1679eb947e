/* Limits that more than one folder must agree on, each with its reason. A limit that one folder
 * alone needs stands there; what an operator may want to change is a flag (engine/options.def). */
#ifndef ENGINE_BASE_LIMITS_H
#define ENGINE_BASE_LIMITS_H

#include <assert.h>

enum {
	/* ---- names and addresses ---- */

	/* RFC 1035 2.3.4: 255 octets on the wire are 253 as text without the last dot. */
	DOMAIN_BYTES_MAX = 253,
	DOMAIN_LABEL_BYTES_MAX = 63,
	/* RFC 5321 4.5.3.1.1. */
	LOCAL_PART_BYTES_MAX = 64,
	/* RFC 5321 4.5.3.1.3: a path of 256 with its angle brackets. */
	ADDRESS_BYTES_MAX = 254,
	/* The largest file name of every Linux file system; the spool's names are such. */
	FILE_NAME_BYTES_MAX = 255,

	/* ---- a message file ---- */

	/* DESIGN 1: one message names 1 to 10,000 recipients; more is a job directory's work. */
	MESSAGE_RCPTS_MAX = 10000,
	/* RFC 5322 2.1.1: 998 octets without CRLF; receivers cut or refuse longer lines. */
	MESSAGE_LINE_BYTES_MAX = 998,
	/* All header fields together, those for us included: 10,000 X-Receiver lines of 320 octets
	 * are 3.2 MB. More than that is no mail but an attack on whoever reads it. */
	MESSAGE_HEADER_BYTES_MAX = 4 * 1024 * 1024,
	/* A whole file. The largest receivers take 150 MB; a reader must hold it in memory once. */
	MESSAGE_BYTES_MAX = 160 * 1024 * 1024,

	/* ---- SMTP ---- */

	/* RFC 5321 4.5.3.1.4: a command line with CRLF; RFC 6531 and RFC 3461 add to MAIL and RCPT,
	 * 2,048 hold all of them together. */
	SMTP_COMMAND_BYTES_MAX = 2048,
	/* RFC 5321 4.5.3.1.5 says 512; Exchange, Gmail and filters send longer texts (SMTP-09). */
	SMTP_REPLY_LINE_BYTES_MAX = 4096,
	/* Lines of one reply: EHLO of the richest servers has under 30. */
	SMTP_REPLY_LINES_MAX = 100,
	/* All lines of one reply together (SMTP-09). */
	SMTP_REPLY_BYTES_MAX = 65536,
	/* What is kept of a reply for events and logs: enough for the longest explanations with
	 * their links, small enough to hold for every pending recipient. */
	SMTP_REPLY_TEXT_BYTES_MAX = 1000,

	/* ---- DNS and routes ---- */

	/* MX hosts that are tried: RFC 5321 5.1 wants all, 20 is beyond every real domain and ends
	 * lists made to keep us busy. */
	ROUTE_HOSTS_MAX = 20,
	/* Addresses of one host: round robin sets of large receivers have 8 to 16. */
	HOST_ADDRESSES_MAX = 32,
	/* RFC 7671 advises few; 30 fit the tests of large sets (DNS-32). */
	TLSA_RECORDS_MAX = 32,
	/* A Full(0) record holds a whole certificate; larger ones do not come through DNS well. */
	TLSA_DATA_BYTES_MAX = 8192,
	/* Records of one answer that are kept. */
	DNS_RECORDS_MAX = 128,
	/* DNS-13: a mistaken TTL of months must not pin data; a day is libunbound's own bound. */
	DNS_TTL_MAX_S = 86400,
	/* DNS-17, RFC 2308 5: 1 to 3 hours. */
	DNS_NEGATIVE_TTL_MAX_S = 10800,

	/* ---- events ---- */

	/* What one text field of an event holds; longer ones are cut at a character's border. */
	EVENT_FIELD_BYTES_MAX = 1024,
	/* Every line fits: checked against the table in event.c. */
	EVENT_LINE_BYTES_MAX = 192 * 1024,
};

static_assert(LOCAL_PART_BYTES_MAX < ADDRESS_BYTES_MAX, "an address holds its local part");
static_assert(SMTP_REPLY_TEXT_BYTES_MAX <= EVENT_FIELD_BYTES_MAX, "replies are not cut in events");
static_assert(MESSAGE_HEADER_BYTES_MAX < MESSAGE_BYTES_MAX, "headers are part of the message");
static_assert(MESSAGE_RCPTS_MAX * (ADDRESS_BYTES_MAX + 66) < MESSAGE_HEADER_BYTES_MAX,
	"the most recipients fit in the largest header");

#endif
