/* Who is on the suppression list gets no mail, from the moment on that he is on it. */
#include <stdlib.h>
#include <unistd.h>
#include "store/suppress.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;
static struct suppress *list;
static char folder[96];

static int set_up(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	struct fail fail;
	(void)snprintf(folder, sizeof folder, "%s/suppress-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(suppress_open(folder, true, &list, &fail), RESULT_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char command[128];
	suppress_close(&list);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

static void add(const char *address, const char *reason)
{
	const struct suppress_entry entry = { text_of(address), text_of(reason), 1 };
	bool is_new;
	struct fail fail;
	assert_int_equal(suppress_put(list, &entry, &is_new, &fail), RESULT_OK);
	assert_int_equal(suppress_commit(list, &fail), RESULT_OK);
}

static void init(const char *const *flags)
{
	sched_prepare(&s, flags);
	s.base.hub.suppress = list;
	sched_start(&s);
}

static void whoever_is_on_the_list_is_not_tried(void **state)
{
	(void)state;
	add("ann@a.example", "asked by phone");
	init(NULL);
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "Ann@a.example" });
	sched_settle(&s);
	assert_null(sched_leased(&s, NULL));
	assert_int_equal(file->by_fate[ATTEMPT_SUPPRESSED], 1);
	assert_string_equal(file->reason, "on the suppression list: asked by phone");
	assert_string_equal(file->status, "5.7.1");
	assert_int_equal(file->unlinked, 1);
	assert_int_equal(s.routes_asked, 0); /* not even its name is looked up */
	assert_int_equal(hub_read(&s.base.hub.counters.suppressed), 1);
	sched_end(&s);
}

static void the_others_of_the_same_message_get_theirs(void **state)
{
	(void)state;
	add("1@a.example", "one");
	add("3@a.example", "one");
	add("5@b.example", "another");
	add("6@b.example", "");
	init(NULL);
	struct fake_file *file = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example 3@a.example 4@b.example "
						  "5@b.example 6@b.example" });
	sched_settle(&s);
	assert_int_equal(file->by_fate[ATTEMPT_SUPPRESSED], 4);
	struct attempt *attempt = sched_leased(&s, "a.example");
	assert_int_equal(attempt->rcpts_count, 1);
	assert_int_equal(attempt->rcpts[0].rcpt, 1);
	attempt = sched_leased(&s, "b.example");
	assert_int_equal(attempt->rcpts_count, 1);
	assert_int_equal(attempt->rcpts[0].rcpt, 3);
	assert_string_equal(file->reason, "on the suppression list, for several reasons");
	assert_int_equal(file->unlinked, 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(file->finals[i], 1);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

/* The list is looked at again when a wait is over; what was leased already goes its way. */
static void who_gets_onto_the_list_while_his_mail_waits_is_not_tried_again(void **state)
{
	(void)state;
	init((const char *const[]){ "--retry-first=30ms", NULL });
	struct fake_file *file = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example 3@a.example" });
	sched_settle(&s);
	add("2@a.example", "");
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_SUPPRESSED] == 1);
	assert_int_equal(file->finals[1], 1);
	assert_string_equal(file->reason, "on the suppression list");
	assert_int_equal(file->attempt_number, 2);
	struct attempt *attempt = sched_leased(&s, NULL);
	assert_int_equal(attempt->rcpts_count, 2);
	assert_int_equal(attempt->number, 2);
	add("1@a.example", "");
	add("3@a.example", "");
	sched_answer(&s, attempt, ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, file->unlinked == 1);
	assert_int_equal(file->by_fate[ATTEMPT_SUPPRESSED], 3);
	sched_end(&s);
}

static void who_leaves_the_list_gets_mail_again(void **state)
{
	(void)state;
	bool was_there;
	struct fail fail;
	add("1@a.example", "");
	init(NULL);
	assert_int_equal(suppress_delete(list, TEXT("1@a.example"), &was_there, &fail), RESULT_OK);
	assert_int_equal(suppress_commit(list, &fail), RESULT_OK);
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_non_null(sched_leased(&s, NULL));
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* Mail that is withdrawn, and a run that ends, while the suppressed ones are with the recorder. */
static void the_books_are_right_when_the_file_goes_meanwhile(void **state)
{
	(void)state;
	add("1@a.example", "");
	init(NULL);
	s.hold_records = true;
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example" });
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	sched_file_gone(&s, file);
	sched_pass(&s, 5);
	s.hold_records = false;
	sched_release(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	sched_settle(&s);
	assert_int_equal(file->by_fate[ATTEMPT_SUPPRESSED], 1);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 1);
	sched_end(&s);
}

/* Writes over the reason of an entry, behind the back of LMDB. */
static void damage(void)
{
	static char page[65536];
	char path[128];
	(void)snprintf(path, sizeof path, "%s/suppress/data.mdb", folder);
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	size_t len = fread(page, 1, sizeof page, file);
	char *at = memmem(page, len, "scribbled", 9);
	assert_non_null(at);
	assert_int_equal(fseek(file, at - page, SEEK_SET), 0);
	assert_int_equal(fputc('S', file), 'S');
	assert_int_equal(fclose(file), 0);
}

static void when_the_list_cannot_be_read_mail_waits(void **state)
{
	(void)state;
	add("1@a.example", "scribbled");
	init((const char *const[]){ "--retry-first=30ms", NULL });
	damage();
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example" });
	struct fake_file *other = sched_mail(&s, &(struct test_mail){ .rcpts = "3@a.example" });
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_DEFERRED] >= 4);
	assert_non_null(strstr(file->reason, "is damaged"));
	assert_string_equal(file->status, "4.3.0");
	assert_true(run_test_logged(&s.base, "suppress_unreadable"));
	/* His mail can go whose place on the list is clear. */
	assert_int_equal(other->by_fate[ATTEMPT_DEFERRED], 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(other->by_fate[ATTEMPT_DELIVERED], 1);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 0);
	sched_end(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whoever_is_on_the_list_is_not_tried),
		TEST(the_others_of_the_same_message_get_theirs),
		TEST(who_gets_onto_the_list_while_his_mail_waits_is_not_tried_again),
		TEST(who_leaves_the_list_gets_mail_again),
		TEST(the_books_are_right_when_the_file_goes_meanwhile),
		TEST(when_the_list_cannot_be_read_mail_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
