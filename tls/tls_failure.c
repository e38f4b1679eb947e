#include "tls/tls_failure.h"
#include "engine/base/check.h"

static const struct {
	enum tls_result result;
	const char *text;
} failures[] = {
#define TLS_FAILURE(name, result, text) { TLS_RESULT_##result, text },
#include "tls/tls_failure.def"
#undef TLS_FAILURE
};

const char *tls_failure_text(enum tls_failure failure)
{
	CHECK((unsigned)failure < TLS_FAILURE_COUNT);
	return failures[failure].text;
}

enum tls_result tls_failure_result(enum tls_failure failure)
{
	CHECK((unsigned)failure < TLS_FAILURE_COUNT);
	return failures[failure].result;
}
