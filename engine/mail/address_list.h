/* The addresses in To, Cc and Bcc (RFC 5322 3.4 address-list), and on the command line of sendmail.
 *
 * Pure. Read as people write them: groups, comments, display names with what is not allowed in them
 * ("Ann [sales] <ann@a.example>"), empty places between commas, a group that is not closed. What is taken
 * out is checked by address_parse_mailbox() and by nothing here, but that it is one word. */
#ifndef ENGINE_MAIL_ADDRESS_LIST_H
#define ENGINE_MAIL_ADDRESS_LIST_H

#include <stdbool.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct address_list {
	struct text rest; /* borrowed: unfolded, so without line ends */
	struct arena *arena;
	bool is_in_group;
};

void address_list_init(struct address_list *list, struct text value, struct arena *arena);

/* The next mailbox without display name, comments and white space, in the arena: "ann@a.example", or "ann"
 * where the domain is left out. *out_more is false behind the last one. RESULT_INVALID: the sentence is in
 * out_fail; RESULT_MEMORY. */
MUST_USE enum result address_list_next(
	struct address_list *list, struct text *out_mailbox, bool *out_more, struct fail *out_fail);

#endif
