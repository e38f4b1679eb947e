#include "engine/run/verifier.h"
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/io/loop.h"
#include "engine/run/hub.h"
#include "tls/tls_verifier.h"

#define VERIFIER_MAGIC 0x7e21f1e2u

struct verifier {
	uint32_t magic;
	struct hub *hub;
	struct loop loop;
	struct fail fail;
};

static void run_job(struct verifier *v, struct tls_verify_job *job, uint32_t worker)
{
	CHECK(worker < v->hub->workers_count);
	tls_verify_job_run(job);
	hub_post(v->hub->workers[worker], POST_VERIFIED, job, 0, 0);
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct verifier *v = loop->owner;
	switch (message->kind) {
	case POST_VERIFY: run_job(v, message->object, message->number); break;
	case POST_STOP: loop_stop(loop); break;
	default: UNREACHABLE("a message that is not for the verifier");
	}
}

void *verifier_run(void *verifier)
{
	static const struct loop_handlers handlers = { .message = hear };
	const struct ring_options options = { .submissions = 16, .without_buffers = true };
	struct verifier *v = verifier;
	check_install_signal_stack();
	if (loop_init(&v->loop, &options, v->hub->verifier, &handlers, v, &v->fail) != RESULT_OK)
		return v;
	loop_run(&v->loop);
	loop_deinit(&v->loop);
	return NULL;
}

enum result verifier_create(struct hub *hub, struct verifier **out_verifier, struct fail *fail)
{
	struct verifier *v = calloc(1, sizeof *v);
	*out_verifier = v;
	if (v == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the verifier");
	v->magic = VERIFIER_MAGIC;
	v->hub = hub;
	return RESULT_OK;
}

const struct fail *verifier_fail(const struct verifier *verifier) { return &verifier->fail; }

void verifier_destroy(struct verifier *v)
{
	if (v == NULL)
		return;
	CHECK_OBJ(v, VERIFIER_MAGIC);
	v->magic = 0;
	free(v);
}
