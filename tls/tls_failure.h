/* Why a TLS channel failed, in the classes that TLS reporting tells apart (RFC 8460 4.3, RPT-11).
 * The words for people stand in the struct fail that every call fills; the class is data
 * that delivery asks of the connection (tls_conn_describe) and of a verdict. */
#ifndef TLS_TLS_FAILURE_H
#define TLS_TLS_FAILURE_H

#include "engine/base/policy.h"

enum tls_failure {
#define TLS_FAILURE(name, result, text) TLS_FAILURE_##name,
#include "tls/tls_failure.def"
#undef TLS_FAILURE
	TLS_FAILURE_COUNT
};

/* "no TLS version in common", and the like. Static. */
const char *tls_failure_text(enum tls_failure failure);

/* What a report says of it; TLS_RESULT_NONE when the failure says nothing about the receiver. */
enum tls_result tls_failure_result(enum tls_failure failure);

#endif
