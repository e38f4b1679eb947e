/* What strangers put into the DNS: names, records of every type we read, packets, and whole MX answers.
 *
 * The first octet chooses, the second is the type of a record. Checked: nothing unprintable comes out,
 * a host of a list is a name that can be asked for, a list is sorted, bounded and without doubles,
 * and what is shown of a record is read the same again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "dns/dns_name.h"
#include "dns/dns_packet.h"
#include "dns/dns_rdata.h"
#include "engine/base/tlsa.h"
#include "engine/io/random.h"
#include "engine/route/route_mx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 64 };

static void check_printable(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && (uint8_t)text.data[i] < 0x7f);
}

static void try_record(uint16_t type, const uint8_t *data, size_t size)
{
	const struct dns_rdata rdata = { data, size };
	static char memory[1 << 18];
	struct buf text;
	buf_init(&text, memory, sizeof memory);
	dns_rdata_put_text(&rdata, type, &text);
	CHECK(text.overflow || text.len > 0);
	check_printable(buf_text(&text));

	char name[DNS_NAME_TEXT_SIZE];
	if (dns_rdata_read_name(&rdata, name)) {
		check_printable(text_of(name));
		CHECK(strchr(name, ' ') == NULL);
		if (domain_name_check(text_of(name)) == DOMAIN_NAME_OK)
			CHECK(dns_name_can_be_asked(name));
		dns_name_zone_guess(text_of(name));
	}
	buf_reset(&text);
	bool is_txt = dns_rdata_read_txt(&rdata, &text);
	CHECK(is_txt ? text.len < size : text.len == 0);

	struct ip_address address;
	CHECK(dns_rdata_read_address(&rdata, DNS_TYPE_A, &address) == (size == 4));
	CHECK(dns_rdata_read_address(&rdata, DNS_TYPE_AAAA, &address) == (size == 16));
	struct tlsa_record record = tlsa_record_of_rdata(&rdata);
	CHECK(record.malformed || record.data.len == size - 3);
}

static void check_list(const struct route_mx_list *list)
{
	CHECK((list->count > 0) == (list->verdict == ROUTE_MX_HOSTS));
	CHECK(list->count <= ROUTE_HOSTS_MAX);
	for (size_t i = 0; i < list->count; i++) {
		const struct route_mx_host *host = &list->hosts[i];
		check_printable(text_of(host->name));
		CHECK(host->name[0] != '\0');
		CHECK(strcmp(host->name, "own.example") != 0);
		CHECK(host->unusable == (host->why[0] != '\0'));
		CHECK(host->unusable || dns_name_can_be_asked(host->name));
		for (size_t j = 0; j < i; j++) {
			CHECK(list->hosts[j].preference <= host->preference);
			CHECK(strcmp(list->hosts[j].name, host->name) != 0);
		}
	}
}

/* Records with their length before them. */
static void try_answer(const uint8_t *data, size_t size)
{
	struct dns_rdata rdata[RECORDS_MAX];
	struct dns_answer answer = { .class = DNS_INSECURE_DATA, .rdata = rdata };
	while (size > 0 && answer.rdata_count < RECORDS_MAX) {
		size_t len = data[0] < size - 1 ? data[0] : size - 1;
		rdata[answer.rdata_count++] = (struct dns_rdata){ data + 1, len };
		data += 1 + len;
		size -= 1 + len;
	}
	if (answer.rdata_count == 0)
		return;
	static const char *const own_names[] = { "own.example" };
	struct random_state random;
	random_init_seed(&random, answer.rdata_count);
	struct route_mx_list list;
	route_mx_read(&list, &answer, own_names, COUNT_OF(own_names), &random);
	check_list(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_CNAME, DNS_TYPE_MX, DNS_TYPE_TXT,
		DNS_TYPE_AAAA, DNS_TYPE_TLSA, 999 };
	if (size < 2)
		return 0;
	switch (data[0] % 3) { /* a number from outside */
	case 0:
		try_record(types[data[1] % COUNT_OF(types)], data + 2, size - 2);
		break;
	case 1:
		dns_packet_has_soa(data + 1, size - 1);
		break;
	default:
		try_answer(data + 1, size - 1);
		break;
	}
	return 0;
}
