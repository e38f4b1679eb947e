/* Which misbehaviour of sink_bugs.def is switched on, and for whom.
 *
 * A rule is written [WHERE/]NAME[%PERCENT][*TIMES][:ARGUMENT]:
 *   reply-rcpt:452 4.2.2 Full         for everybody
 *   full.lab/reply-rcpt:452           for recipients of a domain
 *   ann@full.lab/close-dot            for one recipient;  ann@/… for this local part anywhere
 *   127.0.0.7/without:PIPELINING      for connections to an address; [::1]:2525/… with its port
 *   reply-dot%10:451                  in one of ten cases;  close-dot*1  the first time only
 * A rule for recipients strikes from the reply to their RCPT to the end of the transaction. Settings
 * are for everybody or for an address, and know no chance.
 * A recipient may bring his own: bug.NAME.ARGUMENT+anything@…, where the sink allows it.
 *
 * The rules are made at start and then shared by all workers; only the counters of *TIMES change. */
#ifndef BENCH_SINK_RULES_H
#define BENCH_SINK_RULES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum sink_fault {
	SINK_FAULT_NONE,
#define FAULT(name, arg, text) SINK_FAULT_##name,
#define SETTING(name, arg, text)
#define BUG(name, arg, text)
#include "bench/sink_bugs.def"
#undef FAULT
#undef SETTING
#undef BUG
	SINK_FAULT_COUNT
};

/* All rows of the table: the faults with their values above, then settings, then bugs. */
enum sink_deed {
	SINK_DEED_NONE,
	SINK_DEED_LAST_FAULT = SINK_FAULT_COUNT - 1,
#define FAULT(name, arg, text)
#define SETTING(name, arg, text) SINK_SETTING_##name,
#define BUG(name, arg, text) SINK_BUG_##name,
#include "bench/sink_bugs.def"
#undef FAULT
#undef SETTING
#undef BUG
	SINK_DEED_COUNT
};

enum sink_stage {
#define STAGE(name, text) SINK_STAGE_##name,
#include "bench/sink_stages.def"
#undef STAGE
	SINK_STAGE_COUNT
};

enum sink_where {
	SINK_WHERE_ALL,
	SINK_WHERE_LISTENER, /* address, port (0: any) */
	SINK_WHERE_DOMAIN,   /* text */
	SINK_WHERE_LOCAL,    /* text */
	SINK_WHERE_RCPT,     /* text: local@domain */
};

enum {
	SINK_RULES_MAX = 256,     /* a test scenario has a dozen; a table of all bugs fits twice */
	SINK_RULE_TEXT_MAX = 512, /* an argument (a reply line), or a place (an address) */
};

struct sink_rule {
	enum sink_deed deed;
	enum sink_stage stage;       /* where a fault strikes */
	enum sink_where where;
	uint8_t percent;             /* 1 to 100 */
	bool counted;
	_Atomic uint32_t times_left; /* if counted */
	uint64_t number;             /* the number at the front of the argument, 0 if none */
	struct ip_address address;
	uint16_t port;
	char argument[SINK_RULE_TEXT_MAX];
	char place[SINK_RULE_TEXT_MAX];
};

struct sink_rules {
	struct sink_rule rules[SINK_RULES_MAX];
	uint32_t count;
	bool any_for_rcpts;
};

void sink_rules_init(struct sink_rules *rules);
/* RESULT_INVALID with words for people: no such name, an argument is missing or too long, … */
MUST_USE enum result sink_rules_add(struct sink_rules *rules, const char *spec, struct fail *fail);

/* The rule that a local part bug.NAME[.ARGUMENT][+…] stands for. Without percent, times and place. */
MUST_USE bool sink_rule_of_local_part(struct text local, struct sink_rule *out_rule);

/* Does it concern connections to this listener (rules for all included)? */
bool sink_rule_is_for_listener(
	const struct sink_rule *rule, const struct ip_address *address, uint16_t port);
/* Does it concern this recipient (rules for all and for listeners not included)? */
bool sink_rule_is_for_rcpt(const struct sink_rule *rule, struct text rcpt);
/* Asked once each time the rule could strike; `dice` is any random number. */
bool sink_rule_strikes(struct sink_rule *rule, uint64_t dice);

/* "stall-rcpt", "tls-alert": as it is written. */
const char *sink_deed_name(enum sink_deed deed);
const char *sink_stage_name(enum sink_stage stage);
/* SINK_FAULT_NONE for settings and bugs. */
static inline enum sink_fault sink_deed_fault(enum sink_deed deed)
{
	return deed <= SINK_DEED_LAST_FAULT ? (enum sink_fault)deed : SINK_FAULT_NONE;
}
static inline bool sink_deed_is_setting(enum sink_deed deed)
{
	return deed >= SINK_SETTING_WITHOUT && deed < SINK_BUG_GREYLIST;
}
/* The tables, for people. */
void sink_rules_print_reference(FILE *out);

#endif
