/* Connects to one of two addresses, whichever answers first (RFC 8305): the first at once, the second when
 * the first has failed or has had its head start. The first that is connected wins; of the other nothing is
 * left. It makes sockets and gives one away; what is said on it is the owner's (engine/io/conn).
 *
 * Embedded in its owner, who has it back with `closed`: after a `connected`, after the second `failed`, or
 * after dial_stop(). No handler is called from inside dial_start() or dial_stop(). One thread. */
#ifndef ENGINE_IO_DIAL_H
#define ENGINE_IO_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/io_op.h"

struct dial;
struct loop;

enum { DIAL_LANES = 2 };
#define DIAL_MAGIC 0xd1a10001u

struct dial_to {
	struct ip_address peer;
	struct ip_address source; /* family IP_FAMILY_NONE: the system chooses */
};

struct dial_handlers {
	/* The descriptor is the owner's. At most once, and no `failed` comes after it. */
	void (*connected)(struct dial *dial, size_t lane, int fd);
	/* That address cannot be reached; `fail` is borrowed. With `last` none is left. */
	void (*failed)(struct dial *dial, size_t lane, const struct fail *fail, bool last);
	/* No op is in flight, no timer runs: the dial is the owner's again. */
	void (*closed)(struct dial *dial);
};

enum dial_lane_state {
	DIAL_LANE_WAITS, /* for the head start of the other, or for its descriptor */
	DIAL_LANE_CONNECTING,
	DIAL_LANE_OVER,
};

struct dial_lane {
	struct dial *dial;
	struct io_op op;         /* the connect, or the way out of dial_start() without a socket */
	struct fail fail;
	struct dial_to to;
	struct sockaddr_storage peer;
	uint64_t begun_ns;       /* when it began to connect; 0: not yet */
	int fd;                  /* -1: none */
	uint8_t state;           /* enum dial_lane_state */
};

struct dial {
	uint32_t magic;
	bool over;               /* won, lost or stopped: `closed` is due when all has come back */
	uint16_t port;
	struct loop *loop;
	const struct dial_handlers *handlers;
	void *owner;             /* for the handlers */
	struct timer timer;      /* the head start */
	struct dial_lane lanes[DIAL_LANES];
};

/* The second address has its turn `head_start_ns` after the first, unless that has answered or failed. When
 * no descriptor is left for it then, it has its turn when the first has failed. */
void dial_start(struct dial *dial, struct loop *loop, const struct dial_handlers *handlers, void *owner,
	const struct dial_to to[static DIAL_LANES], uint16_t port, uint64_t head_start_ns);
/* Gives it up; `closed` follows in a later turn. Nothing if it is over. */
void dial_stop(struct dial *dial);
/* The lane is under way or was; its address has had a chance. */
static inline bool dial_lane_began(const struct dial *dial, size_t lane)
{
	return dial->lanes[lane].begun_ns != 0;
}

#endif
