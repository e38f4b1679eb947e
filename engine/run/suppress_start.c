#include "engine/run/suppress_start.h"
#include <stdio.h>
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/patience.h"
#include "engine/run/recorder.h"
#include "store/suppress.h"

enum { PATH_SIZE = 4096 };

struct start {
	struct hub *hub;
	struct recorder *recorder;
	struct fail *fail;
	const char *state;
	enum result result;
};

/* Both may write, and LMDB has one writer on the machine. */
static void open_and_fill(void *context)
{
	struct start *start = context;
	start->result = suppress_open(start->state, true, &start->hub->suppress, start->fail);
	if (start->result == RESULT_OK)
		start->result =
			recorder_suppress_recovered(start->recorder, start->hub->suppress, start->fail);
}

enum result suppress_start(struct hub *hub, struct recorder *recorder, struct fail *fail)
{
	char state[PATH_SIZE], lock[PATH_SIZE + 32];
	struct logger log = run_config_logger(hub->config, "main");
	struct start start = { .hub = hub, .recorder = recorder, .fail = fail, .state = state };
	if (snprintf(state, sizeof state, "%s/state", hub->config->options->spool) >= (int)sizeof state)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	(void)snprintf(lock, sizeof lock, "%s/suppress/lock.mdb", state);
	patience_run(open_and_fill, &start, &log, LOG_SUPPRESS_HELD, lock);
	return start.result;
}
