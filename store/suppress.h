/* Who gets no mail: addresses in the spelling of engine/mail/address_key.h, each with a reason and the time
 * when it came in. An LMDB environment of its own, STATE/suppress, that a sender reads while the tools write
 * it: an address that was added is durable when suppress_commit() returns, and the next look-up finds it.
 *
 * Look-ups and walks are for one thread; so is writing. Damage is an error that names the folder, and never
 * "not found": whoever cannot read the list must not send. */
#ifndef STORE_SUPPRESS_H
#define STORE_SUPPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	SUPPRESS_ADDRESS_MAX = 254, /* ADDRESS_BYTES_MAX */
	SUPPRESS_REASON_MAX = 200,  /* words for people: one line of a list */
	/* Changes between two commits: what an import holds in memory, at most a page of 4 KiB for
	 * each. Fewer are slower: a commit waits for the disk. */
	SUPPRESS_BATCH_MAX = 8192,
};

struct suppress;

struct suppress_entry {
	struct text address;
	struct text reason;  /* UTF-8 without control characters; may be empty */
	int64_t time_unix_s; /* when it was added */
};

/* What the reasons of those begin with whom no person has put onto the list, but a hard bounce
 * (engine/run/suppressor.h): in the reason, so that what is listed and imported again keeps it. */
#define SUPPRESS_AUTOMATIC "automatic: "
bool suppress_is_automatic(const struct suppress_entry *entry);

/* `state` is SPOOL/state. `for_writing` makes what is not there; without it RESULT_NOT_FOUND says that there
 * is no list. RESULT_DAMAGED, RESULT_CHANGED (another version wrote it), RESULT_FORBIDDEN, RESULT_MEMORY,
 * RESULT_IO. Once in a process. */
MUST_USE enum result suppress_open(
	const char *state, bool for_writing, struct suppress **out_suppress, struct fail *fail);
/* Takes back what was not committed. */
void suppress_close(struct suppress **suppress);

/* RESULT_NOT_FOUND: mail may go there. RESULT_OK: none may; the texts live until the next call.
 * RESULT_DAMAGED, RESULT_IO: nobody knows. */
MUST_USE enum result suppress_find(struct suppress *suppress, struct text address,
	struct suppress_entry *out_entry, struct fail *fail);
/* In the order of octets; stops with what `visit` returns if that is not OK. Holds no transaction while it
 * is being visited, so that a slow reader keeps no space from being used again. */
typedef enum result suppress_visit_fn(const struct suppress_entry *entry, void *context);
MUST_USE enum result suppress_walk(
	struct suppress *suppress, suppress_visit_fn *visit, void *context, struct fail *fail);
uint64_t suppress_count(const struct suppress *suppress);

/* The first change begins a transaction, which waits for other writers. After an error all since the last
 * commit is taken back. *out_new: it was not there before (its reason and time are the new ones then, else
 * they stay as they are: the first reason is the one that counts). RESULT_NO_SPACE, RESULT_IO. */
MUST_USE enum result suppress_put(struct suppress *suppress, const struct suppress_entry *entry,
	bool *out_new, struct fail *fail);
MUST_USE enum result suppress_delete(
	struct suppress *suppress, struct text address, bool *out_there, struct fail *fail);
MUST_USE enum result suppress_commit(struct suppress *suppress, struct fail *fail);

/* Up to which number of the sender's journal (journal.h) all is on the list that was to come onto it: set
 * together with the entries and durable with them, so that who was taken off by hand does not come back out
 * of a record that is still there. 0: none was set. Results of suppress_find() and suppress_put(). */
MUST_USE enum result suppress_applied_seq(
	struct suppress *suppress, uint64_t *out_seq, struct fail *fail);
MUST_USE enum result suppress_set_applied_seq(
	struct suppress *suppress, uint64_t seq, struct fail *fail);

#endif
