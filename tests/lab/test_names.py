"""What the name servers say, what they do not say, and what they say wrongly."""

import time

import zones
from case import case
from sender import IMPATIENT, MAIL_WAITS, check, delivered_to, equal


@case("MX-21")
def a_name_of_one_label_is_looked_up_as_it_is(t):
    sender = t.sender()
    sender.put("you@nohost")
    sender.run()
    equal(sender.outcome("you@nohost")["event"], "bounced")
    check(not [query for query in t.lab.names.queries() if query[0].startswith("nohost.")],
          "a search domain was added")


@case("MX-03 DNS-03 SEC-12")
def any_failure_of_the_mx_lookup_defers_and_never_uses_the_address(t):
    receiver = t.receiver()
    domains = {}
    for fault in ("servfail", "refused", "notimp", "drop", "formerr", "garbage"):
        domain = f"d{t.lab.number()}.play.lab"
        t.lab.host(*receiver.addresses, name=domain)
        t.lab.names.fault(domain, "MX", fault)
        domains[fault] = domain
    sender = t.sender(*IMPATIENT)
    for domain in domains.values():
        sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    for fault, domain in domains.items():
        event = sender.outcome(f"you@{domain}")
        equal((event["event"], event["status"]), ("deferred", "4.4.3"), fault)
    equal(len(receiver.connections), 0)


@case("DNS-24 SEC-16")
def an_mx_list_is_not_used_beyond_its_time_though_nobody_answers_any_more(t):
    receiver = t.receiver()
    domain = f"d{t.lab.number()}.play.lab"
    t.lab.names.set(domain, "MX", [f"10 mx.{domain}."], ttl=1)
    t.lab.names.set(f"mx.{domain}", "A", receiver.addresses, ttl=1)
    sender = t.sender("--retry-first=1h")
    sender.put(f"before@{domain}")
    process = sender.start()
    sender.wait_event(process, event="delivered", rcpt=f"before@{domain}")
    t.lab.names.fault(domain, "MX", "servfail")
    over = time.monotonic() + 2
    process.until(lambda: time.monotonic() > over, "the records' time is over")
    sender.put(f"after@{domain}")
    (event,) = sender.wait_event(process, event="deferred", rcpt=f"after@{domain}")
    equal(event["status"], "4.4.3")
    equal(len(receiver.mails), 1)


@case("MX-03")
def a_zone_whose_server_has_no_data_defers(t):
    sender = t.sender(*IMPATIENT)
    sender.put("you@servfail.lab")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome("you@servfail.lab")["event"], "deferred")


@case("DNS-02 DNS-23 DNS-03")
def bogus_expired_and_future_signatures_and_wrong_ds_defer_without_a_connection(t):
    broken = ("bogus.lab", "expired.lab", "future.lab", "badds.lab")
    hosts = [t.receiver(zones.MX_ADDRESS[name]) for name in broken]
    sender = t.sender(*IMPATIENT)
    for name in broken:
        sender.put(f"you@{name}")
    sender.run(expect=MAIL_WAITS)
    for name, host in zip(broken, hosts):
        event = sender.outcome(f"you@{name}")
        equal((event["event"], event["status"]), ("deferred", "4.4.3"), name)
        equal(len(host.connections), 0, name)


@case("DNS-02 DNS-04 DNS-05 DNS-20 DNS-22 DNS-30")
def signed_unsigned_island_and_opt_out_zones_are_all_delivered(t):
    names = ("signed.lab", "nsec3.lab", "unsigned.lab", "island.lab", "child.nsec3.lab",
             "algorithm.lab")
    hosts = [t.receiver(zones.MX_ADDRESS[name]) for name in names]
    sender = t.sender()
    for name in names:
        sender.put(f"you@{name}")
    sender.run()
    for name, host in zip(names, hosts):
        delivered_to(sender, f"you@{name}", host)


@case("DNS-09")
def signed_wildcards_aliases_and_renamed_trees_are_delivered(t):
    domains = ("any.wild.nsec3.lab", "alias.nsec3.lab", "alias.dname.signed.lab")
    # On another port, since port 25 of these hosts belongs to the test above.
    host = t.receiver(zones.MX_ADDRESS["nsec3.lab"], port=2525)
    other = t.receiver(zones.MX_ADDRESS["signed.lab"], port=2525)
    sender = t.sender("--port=2525")
    for domain in domains:
        sender.put(f"you@{domain}")
    sender.run()
    for domain in domains:
        delivered_to(sender, f"you@{domain}", other if "signed" in domain else host)


@case("DNS-01")
def without_a_resolver_the_root_servers_are_asked(t):
    # do-not-query-localhost is libunbound's default: the lab's servers have other addresses.
    host = t.receiver("127.10.0.9")
    sender = t.sender(*IMPATIENT, resolver=None)
    sender.put("you@own-recursion.lab")
    sender.run()
    delivered_to(sender, "you@own-recursion.lab", host)


@case("MX-07")
def a_domain_that_is_an_alias_keeps_its_name_in_the_envelope(t):
    real, receiver = t.domain_with_receiver()
    alias = f"alias{t.lab.number()}.play.lab"
    t.lab.names.set(alias, "CNAME", [real + "."])
    sender = t.sender()
    sender.put(f"you@{alias}")
    sender.run()
    delivered_to(sender, f"you@{alias}", receiver)
    equal(receiver.mails[0].rcpts, [f"you@{alias}"])


@case("MX-11")
def an_mx_host_that_is_an_alias_is_followed(t):
    receiver = t.receiver()
    real = t.lab.host(*receiver.addresses)
    alias = f"mx{t.lab.number()}.play.lab"
    t.lab.names.set(alias, "CNAME", [real + "."])
    domain = t.domain(alias)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(delivered_to(sender, f"you@{domain}", receiver)["mx"], alias)


@case("DNS-08")
def a_loop_of_aliases_defers(t):
    one, two = f"loop{t.lab.number()}.play.lab", f"loop{t.lab.number()}.play.lab"
    t.lab.names.set(one, "CNAME", [two + "."])
    t.lab.names.set(two, "CNAME", [one + "."])
    sender = t.sender(*IMPATIENT)
    sender.put(f"you@{one}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{one}")["event"], "deferred")


@case("MX-06 MX-20")
def a_host_without_address_and_one_that_failed_defer(t):
    failing = f"mx{t.lab.number()}.play.lab"
    t.lab.names.fault(failing, "A", "servfail")
    t.lab.names.fault(failing, "AAAA", "servfail")
    domain = t.domain("nohost3.play.lab", failing)
    sender = t.sender(*IMPATIENT)
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{domain}")["event"], "deferred")


@case("MX-20")
def a_host_whose_address_lookup_fails_is_passed_over(t):
    receiver = t.receiver()
    failing = f"mx{t.lab.number()}.play.lab"
    t.lab.names.fault(failing, "A", "servfail")
    t.lab.names.fault(failing, "AAAA", "servfail")
    domain = t.domain((10, failing), (20, receiver))
    sender = t.sender(*IMPATIENT)
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", receiver)


@case("DNS-31")
def one_family_that_fails_does_not_stop_the_other(t):
    receiver = t.receiver()
    host = t.lab.host(*receiver.addresses)
    t.lab.names.fault(host, "AAAA", "drop")
    domain = t.domain(host)
    sender = t.sender(*IMPATIENT)
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", receiver)


@case("DNS-32")
def a_truncated_answer_is_asked_again_over_tcp(t):
    domain, receiver = t.domain_with_receiver()
    t.lab.names.fault(domain, "MX", "truncate")
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", receiver)
    check(("tcp" in {query[2] for query in t.lab.names.queries(domain, "MX")}), "no TCP query")


@case("DNS-35")
def an_answer_that_comes_too_late_defers(t):
    domain, receiver = t.domain_with_receiver()
    t.lab.names.fault(domain, "MX", "delay:20")
    sender = t.sender("--dns-timeout=2s")
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS, timeout=15)
    equal(sender.outcome(f"you@{domain}")["event"], "deferred")
    equal(len(receiver.connections), 0)


@case("MX-01 EXT-U8-04")
def a_domain_in_another_script_is_looked_up_and_sent_as_a_label(t):
    number = t.lab.number()
    receiver = t.receiver()
    domain = t.domain(receiver, name=f"xn--bcher-kva.d{number}.play.lab")
    sender = t.sender()
    sender.put(f"you@bücher.d{number}.play.lab")
    sender.run()
    events = sender.outcomes()
    equal([(event["event"], event["domain"]) for event in events], [("delivered", domain)])
    equal(receiver.mails[0].rcpts, [f"you@{domain}"])
    check("SMTPUTF8" not in receiver.mails[0].sender_parameters, "SMTPUTF8 was not needed")


@case("DNS-36")
def names_compare_without_regard_to_case(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.put([f"one@{domain}", f"two@{domain.upper()}"])
    sender.run()
    equal([len(mail.rcpts) for mail in receiver.accepted()], [2], "recipients of each transaction")


@case("MX-24 DNS-12")
def a_changed_mx_is_seen_at_the_next_attempt(t):
    domain = t.domain(t.lab.refusing_address())
    receiver = t.receiver()
    sender = t.sender("--retry-first=1s", "--retry-max=2s")
    sender.put(f"you@{domain}")
    process = sender.start()
    sender.wait_event(process, event="deferred", rcpt=f"you@{domain}")
    t.domain(receiver, name=domain)
    # The old answer may live for its TTL of five seconds.
    sender.wait_event(process, event="delivered", rcpt=f"you@{domain}")
