"""Where mail goes: MX hosts and addresses, what the name servers say and what they do not."""

import collections

import zones
from case import case
from sender import DONE, IMPATIENT, MAIL_WAITS, check, equal, message


def _delivered_to(sender, rcpt, receiver):
    event = sender.outcome(rcpt)
    equal(event["event"], "delivered", f"{event}")
    check(event["ip"] in receiver.addresses, f"{event['ip']} is not of {receiver.addresses}")
    return event


@case("MX-08")
def the_lowest_preference_is_tried_first(t):
    first, second = t.receiver(), t.receiver()
    domain = t.domain((20, second), (10, first))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", first)
    equal(len(second.connections), 0, "connections to the worse host")


@case("MX-08 SMTP-35")
def a_host_that_refuses_connections_leaves_it_to_the_next(t):
    second = t.receiver()
    domain = t.domain((10, t.lab.refusing_address()), (20, second))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", second)


@case("MX-08 SMTP-02")
def a_host_that_never_accepts_leaves_it_to_the_next(t):
    second = t.receiver()
    domain = t.domain((10, t.lab.black_hole()), (20, second))
    sender = t.sender("--connect-timeout=1s")
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", second)


@case("MX-09")
def hosts_of_equal_preference_share_the_mail(t):
    hosts = [t.receiver() for _ in range(4)]
    names = [t.lab.host(*host.addresses) for host in hosts]
    # Domains of their own, so that each is a new choice and not one session for all.
    domains = [t.domain(*[(10, name) for name in names]) for _ in range(60)]
    sender = t.sender("--messages-per-session=1")
    for domain in domains:
        sender.put(f"you@{domain}")
    sender.run()
    counts = [len(host.accepted()) for host in hosts]
    equal(sum(counts), 60)
    # Of 60 fair choices among 4, fewer than 3 for one host happen once in 100,000 runs.
    check(min(counts) >= 3, f"uneven: {counts}")


@case("MX-10")
def the_second_address_of_a_host_is_tried_when_the_first_refuses(t):
    receiver = t.receiver()
    host = t.lab.host(t.lab.refusing_address(), t.lab.refusing_address(), receiver.addresses[0])
    domain = t.domain(host)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)


@case("MX-17")
def a_host_with_ipv6_only_gets_its_mail(t):
    receiver = t.receiver(t.lab.address6())
    domain = t.domain(receiver)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)


@case("MX-17")
def when_ipv6_refuses_ipv4_is_tried_in_the_same_attempt(t):
    receiver = t.receiver()
    domain = t.domain(t.lab.host(t.lab.address6(), receiver.addresses[0]))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(_delivered_to(sender, f"you@{domain}", receiver)["attempt"], "1")


@case("MX-04")
def a_domain_without_mx_is_its_own_host(t):
    receiver = t.receiver()
    domain = f"d{t.lab.number()}.play.lab"
    t.lab.host(*receiver.addresses, name=domain)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(_delivered_to(sender, f"you@{domain}", receiver)["mx"], domain)


@case("MX-05")
def the_address_of_a_domain_with_mx_is_never_used(t):
    receiver = t.receiver()
    domain = t.domain(t.lab.refusing_address())
    t.lab.host(*receiver.addresses, name=domain)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{domain}")["event"], "deferred")
    equal(len(receiver.connections), 0)


@case("MX-13 DSN-12")
def null_mx_bounces_at_once_without_asking_for_an_address(t):
    domain = f"d{t.lab.number()}.play.lab"
    t.lab.names.set(domain, "MX", ["0 ."])
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["status"], event["bounce_class"]),
          ("bounced", "5.1.10", "domain"))
    equal(t.lab.names.queries(domain, "A") + t.lab.names.queries(domain, "AAAA"), [])
    equal(sender.sessions(domain=domain), [])


@case("MX-14")
def a_root_target_beside_another_host_is_ignored(t):
    receiver = t.receiver()
    domain = f"d{t.lab.number()}.play.lab"
    t.lab.names.set(domain, "MX", ["0 .", f"10 {t.lab.host(*receiver.addresses)}."])
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)


@case("MX-02 DSN-12")
def a_domain_that_does_not_exist_bounces_without_asking_for_an_address(t):
    domain = f"nobody{t.lab.number()}.play.lab"
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["status"], event["bounce_class"]), ("bounced", "5.1.2", "domain"))
    equal(t.lab.names.queries(domain, "A") + t.lab.names.queries(domain, "AAAA"), [])


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


@case("MX-03")
def a_zone_whose_server_has_no_data_defers(t):
    sender = t.sender(*IMPATIENT)
    sender.put("you@servfail.lab")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome("you@servfail.lab")["event"], "deferred")


@case("DNS-02 DNS-23 DNS-03")
def bogus_and_expired_signatures_and_wrong_ds_defer_without_a_connection(t):
    broken = ("bogus.lab", "expired.lab", "badds.lab")
    hosts = [t.receiver(zones.MX_ADDRESS[name]) for name in broken]
    sender = t.sender(*IMPATIENT)
    for name in broken:
        sender.put(f"you@{name}")
    sender.run(expect=MAIL_WAITS)
    for name, host in zip(broken, hosts):
        event = sender.outcome(f"you@{name}")
        equal((event["event"], event["status"]), ("deferred", "4.4.3"), name)
        equal(len(host.connections), 0, name)


@case("DNS-02 DNS-04 DNS-05 DNS-20 DNS-30")
def signed_unsigned_island_and_opt_out_zones_are_all_delivered(t):
    names = ("signed.lab", "nsec3.lab", "unsigned.lab", "island.lab", "child.nsec3.lab")
    hosts = [t.receiver(zones.MX_ADDRESS[name]) for name in names]
    sender = t.sender()
    for name in names:
        sender.put(f"you@{name}")
    sender.run()
    for name, host in zip(names, hosts):
        _delivered_to(sender, f"you@{name}", host)


@case("DNS-01")
def without_a_resolver_the_root_servers_are_asked(t):
    # do-not-query-localhost is libunbound's default: the lab's servers have other addresses.
    host = t.receiver("127.10.0.9")
    sender = t.sender(*IMPATIENT, resolver=None)
    sender.put("you@own-recursion.lab")
    sender.run()
    _delivered_to(sender, "you@own-recursion.lab", host)


@case("MX-07")
def a_domain_that_is_an_alias_keeps_its_name_in_the_envelope(t):
    real, receiver = t.domain_with_receiver()
    alias = f"alias{t.lab.number()}.play.lab"
    t.lab.names.set(alias, "CNAME", [real + "."])
    sender = t.sender()
    sender.put(f"you@{alias}")
    sender.run()
    _delivered_to(sender, f"you@{alias}", receiver)
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
    equal(_delivered_to(sender, f"you@{domain}", receiver)["mx"], alias)


@case("DNS-08")
def a_loop_of_aliases_defers(t):
    one, two = f"loop{t.lab.number()}.play.lab", f"loop{t.lab.number()}.play.lab"
    t.lab.names.set(one, "CNAME", [two + "."])
    t.lab.names.set(two, "CNAME", [one + "."])
    sender = t.sender(*IMPATIENT)
    sender.put(f"you@{one}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{one}")["event"], "deferred")


@case("MX-12 MX-06")
def an_mx_that_is_an_address_as_a_name_is_not_connected_to(t):
    receiver = t.receiver()
    domain = f"d{t.lab.number()}.play.lab"
    t.lab.names.set(domain, "MX", [f"10 {receiver.addresses[0]}."])
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run(expect=(DONE, MAIL_WAITS))
    check(sender.outcome(f"you@{domain}")["event"] in ("bounced", "deferred"))
    equal(len(receiver.connections), 0)


@case("MX-06 DSN-12")
def a_domain_whose_hosts_have_no_address_bounces(t):
    domain = t.domain("nohost1.play.lab", "nohost2.play.lab")
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["status"]), ("bounced", "5.4.4"))


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
    _delivered_to(sender, f"you@{domain}", receiver)


@case("DNS-31")
def one_family_that_fails_does_not_stop_the_other(t):
    receiver = t.receiver()
    host = t.lab.host(*receiver.addresses)
    t.lab.names.fault(host, "AAAA", "drop")
    domain = t.domain(host)
    sender = t.sender(*IMPATIENT)
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)


@case("DNS-32")
def a_truncated_answer_is_asked_again_over_tcp(t):
    domain, receiver = t.domain_with_receiver()
    t.lab.names.fault(domain, "MX", "truncate")
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)
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


@case("MX-22")
def a_domain_with_two_hundred_mx_hosts_is_tried_within_bounds(t):
    hosts = [t.lab.host(t.lab.refusing_address()) for _ in range(200)]
    domain = t.domain(*[(10, host) for host in hosts])
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    sessions = sender.sessions(domain=domain)
    check(len({event["ip"] for event in sessions}) <= 64, f"{len(sessions)} connection attempts")


@case("MX-16")
def private_addresses_are_refused_unless_allowed(t):
    domain, receiver = t.domain_with_receiver()
    sender = t.sender()
    sender.flags.remove("--allow-private")
    sender.put(f"you@{domain}")
    sender.run(expect=(DONE, MAIL_WAITS))
    check(sender.outcome(f"you@{domain}")["event"] in ("bounced", "deferred"))
    equal(len(receiver.connections), 0)


@case("MX-19 STS-04 TLS-16")
def an_address_literal_is_connected_to_without_any_query(t):
    receiver = t.receiver()
    address = receiver.addresses[0]
    sender = t.sender()
    sender.put(f"you@[{address}]")
    sender.run()
    _delivered_to(sender, f"you@[{address}]", receiver)
    equal(receiver.mails[0].sni, None, "SNI")
    check(not [query for query in t.lab.names.queries() if address in query[0]], "it was looked up")


@case("MX-19")
def an_ipv6_literal_is_connected_to(t):
    receiver = t.receiver(t.lab.address6())
    rcpt = f"you@[IPv6:{receiver.addresses[0]}]"
    sender = t.sender()
    sender.put(rcpt)
    sender.run()
    _delivered_to(sender, rcpt, receiver)


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


@case("MX-25")
def two_recipients_of_a_domain_share_a_transaction_and_domains_do_not(t):
    receiver = t.receiver()
    one, two = t.domain(receiver), t.domain(receiver)
    sender = t.sender()
    sender.put([f"a@{one}", f"b@{one}", f"c@{two}"])
    sender.run()
    equal(sorted(sorted(mail.rcpts) for mail in receiver.accepted()),
          [[f"a@{one}", f"b@{one}"], [f"c@{two}"]])


@case("SMTP-30")
def two_hundred_and_fifty_recipients_go_in_chunks_of_a_hundred(t):
    domain, receiver = t.domain_with_receiver()
    rcpts = [f"r{n}@{domain}" for n in range(250)]
    sender = t.sender()
    sender.put(rcpts)
    sender.run()
    got = [len(mail.rcpts) for mail in receiver.accepted()]
    equal(sum(got), 250)
    check(max(got) <= 100, f"transactions of {got}")
    equal(sorted(rcpt for mail in receiver.accepted() for rcpt in mail.rcpts), sorted(rcpts))


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


@case("MX-18")
def a_dead_host_is_not_probed_for_each_message(t):
    domain = t.domain(t.lab.refusing_address())
    sender = t.sender()
    for n in range(30):
        sender.put(f"r{n}@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(len(sender.outcomes(event="deferred")), 30)
    # CONFORMANCE 0.4: after a connection failed, at most two sessions.
    check(len(sender.sessions(domain=domain)) <= 4, "a connection attempt for each message")


@case("DANE-29")
def a_route_to_an_address_goes_there(t):
    receiver, other = t.receiver(), t.receiver()
    domain = t.domain(other)
    sender = t.sender("--route", f"{domain}={receiver.addresses[0]}")
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)
    equal(t.lab.names.queries(domain, "MX"), [])


@case("DANE-29 DANE-11")
def a_route_to_a_name_and_port_goes_there(t):
    receiver = t.receiver(port=2525)
    host = t.lab.host(*receiver.addresses)
    domain, other = f"d{t.lab.number()}.play.lab", t.domain(t.receiver())
    sender = t.sender("--route", f"{domain}={host}:2525")
    sender.put([f"you@{domain}", f"you@{other}"])
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)


@case("STS-03")
def a_route_for_all_takes_all(t):
    receiver = t.receiver()
    sender = t.sender("--route", f"*={receiver.addresses[0]}")
    rcpts = ["you@one.play.lab", "you@two.play.lab"]
    for rcpt in rcpts:
        sender.put(rcpt)
    sender.run()
    equal(sorted(rcpt for mail in receiver.accepted() for rcpt in mail.rcpts), rcpts)


@case("MX-01")
def another_port_is_used_for_all_receivers(t):
    receiver = t.receiver(port=2525)
    domain = t.domain(receiver)
    sender = t.sender("--port=2525")
    sender.put(f"you@{domain}")
    sender.run()
    _delivered_to(sender, f"you@{domain}", receiver)


@case("MX-15")
def our_own_name_as_best_mx_is_a_loop(t):
    receiver = t.receiver()
    ours = "mail.sender.lab"
    domain = t.domain((10, ours), (20, receiver))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["status"]), ("bounced", "5.4.6"))
    equal(len(receiver.connections), 0, "connections to a host of worse preference")


@case("")
def a_domain_with_one_broken_neighbour_is_not_held_up(t):
    """A file for a good, a missing and a failing domain: each has its own end."""
    good, receiver = t.domain_with_receiver()
    failing = f"d{t.lab.number()}.play.lab"
    t.lab.names.fault(failing, "MX", "servfail")
    missing = f"nobody{t.lab.number()}.play.lab"
    sender = t.sender(*IMPATIENT)
    name = sender.put([f"a@{good}", f"b@{failing}", f"c@{missing}"], message("three ends"))
    sender.run(expect=MAIL_WAITS)
    kinds = collections.Counter(event["event"] for event in sender.outcomes())
    equal(kinds, {"delivered": 1, "deferred": 1, "bounced": 1})
    equal(sender.waiting(), [name], "the file waits for its last recipient")
    equal(len(receiver.accepted()), 1)
