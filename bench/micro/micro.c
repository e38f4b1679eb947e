#include "bench/micro/micro.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "engine/io/clock.h"

enum {
	ROUNDS = 9,
	/* Long against the clock's own cost, short enough to be undisturbed now and then. */
	ROUND_NS = 5000000,
};

struct micro_flags {
	bool check, json;
	const char *part;
};

static uint64_t time_of(const struct micro_case *one, void *state, uint64_t times)
{
	uint64_t began_ns = clock_thread_cpu_ns();
	one->run(state, times);
	return clock_thread_cpu_ns() - began_ns;
}

/* How often it must be done to last a round. */
static uint64_t calibrate(const struct micro_case *one, void *state)
{
	uint64_t times = 1;
	for (;;) {
		uint64_t ns = time_of(one, state, times);
		if (ns >= ROUND_NS)
			return times;
		/* At most tenfold: the first runs are cold and mislead. */
		uint64_t wanted = ns > 0 ? times * (ROUND_NS + ROUND_NS / 4) / ns + 1 : times * 10;
		times = wanted < times * 10 ? wanted : times * 10;
	}
}

static double measure(const struct micro_case *one)
{
	void *state = one->setup != NULL ? one->setup() : NULL;
	uint64_t times = calibrate(one, state);
	double best_ns = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double ns = (double)time_of(one, state, times) / (double)times;
		if (i == 0 || ns < best_ns)
			best_ns = ns;
	}
	if (one->teardown != NULL)
		one->teardown(state);
	return best_ns;
}

static bool parse(int argc, char **argv, struct micro_flags *out_flags)
{
	*out_flags = (struct micro_flags){ .part = NULL };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--check") == 0)
			out_flags->check = true;
		else if (strcmp(argv[i], "--json") == 0)
			out_flags->json = true;
		else if (argv[i][0] != '-')
			out_flags->part = argv[i];
		else
			return false;
	}
	return true;
}

static void print(const struct micro_case *one, const struct micro_flags *flags, double ns, bool over)
{
	if (flags->json) {
		/* Names are ours: no character in them needs to be escaped. */
		printf("{\"name\":\"%s\",\"ns\":%.2f,\"bound_ns\":%.0f}\n", one->name, ns, one->bound_ns);
		return;
	}
	printf("%-56s %12.1f ns", one->name, ns);
	if (one->bound_ns > 0)
		printf("   bound %.0f%s", one->bound_ns, over ? "  OVER" : "");
	putchar('\n');
}

int micro_main(const struct micro_case *cases, size_t count, int argc, char **argv)
{
	struct micro_flags flags;
	int status = 0;
	if (!parse(argc, argv, &flags)) {
		fprintf(stderr, "flags: [--check] [--json] [PART-OF-A-NAME]\n");
		return 2;
	}
	double before_ns = 0;
	for (size_t i = 0; i < count; i++) {
		struct micro_case one = cases[i];
		if (flags.part != NULL && strstr(cases[i].name, flags.part) == NULL)
			continue;
		if (one.bound_times > 0)
			one.bound_ns = one.bound_times * before_ns;
		double ns = measure(&one);
		bool over = one.bound_ns > 0 && ns > one.bound_ns;
		print(&one, &flags, ns, over);
		before_ns = ns;
		if (over && flags.check)
			status = 1;
	}
	return status;
}
