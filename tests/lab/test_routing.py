"""Where mail goes: MX hosts in their order, their addresses, literals and routes."""

import collections
import signal

from case import case
from sender import DONE, IMPATIENT, MAIL_WAITS, check, delivered_to, equal, message


@case("MX-08")
def the_lowest_preference_is_tried_first(t):
    first, second = t.receiver(), t.receiver()
    domain = t.domain((20, second), (10, first))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", first)
    equal(len(second.connections), 0, "connections to the worse host")


@case("MX-08 SMTP-35")
def a_host_that_refuses_connections_leaves_it_to_the_next(t):
    second = t.receiver()
    domain = t.domain((10, t.lab.refusing_address()), (20, second))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", second)


@case("MX-08 SMTP-02")
def a_host_that_never_accepts_leaves_it_to_the_next(t):
    second = t.receiver()
    domain = t.domain((10, t.lab.black_hole()), (20, second))
    sender = t.sender("--connect-timeout=1s")
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", second)


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
    delivered_to(sender, f"you@{domain}", receiver)


@case("MX-17")
def a_host_with_ipv6_only_gets_its_mail(t):
    receiver = t.receiver(t.lab.address6())
    domain = t.domain(receiver)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", receiver)


@case("MX-17")
def when_ipv6_refuses_ipv4_is_tried_in_the_same_attempt(t):
    receiver = t.receiver()
    domain = t.domain(t.lab.host(t.lab.address6(), receiver.addresses[0]))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(delivered_to(sender, f"you@{domain}", receiver)["attempt"], "1")


@case("MX-17")
def without_a_source_of_ours_ipv4_comes_before_ipv6(t):
    four, six = t.receiver(), t.receiver(t.lab.address6())
    domain = t.domain(t.lab.host(six.addresses[0], four.addresses[0]))
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", four)
    equal(len(six.connections), 0)


def both_families(t):
    """The flags for a source with an address of each."""
    return "--source", t.lab.address(), "--source", t.lab.address6()


@case("MX-17 MX-18")
def where_ipv6_is_dead_ipv4_carries_the_mail_and_the_next_session_goes_there_first(t):
    four, hole = t.receiver(), t.lab.black_hole(t.lab.address6())
    domain = t.domain(t.lab.host(hole, four.addresses[0]))
    sender = t.sender(*both_families(t), "--connect-timeout=60s", "--workers=1", "--messages-per-session=1")
    process = sender.start()
    sender.put(f"one@{domain}")
    sender.wait_event(process, event="delivered", rcpt=f"one@{domain}", timeout=30)
    # Were IPv6 tried first again, it would answer now.
    t.lab.fill_hole(hole)
    six = t.receiver(hole)
    sender.put(f"two@{domain}")
    sender.wait_event(process, event="delivered", rcpt=f"two@{domain}", timeout=30)
    process.signal(signal.SIGTERM)
    sender.finish(process)
    for rcpt in "one", "two":
        delivered_to(sender, f"{rcpt}@{domain}", four)
    equal(len(six.connections), 0)
    equal({event["ip"] for event in sender.sessions()}, {four.addresses[0]})


@case("MX-17")
def where_ipv4_is_dead_ipv6_carries_the_mail(t):
    six, hole = t.receiver(t.lab.address6()), t.lab.black_hole()
    domain = t.domain(t.lab.host(six.addresses[0], hole))
    sender = t.sender(*both_families(t))
    sender.put(f"you@{domain}")
    sender.run()
    source = delivered_to(sender, f"you@{domain}", six)["source"]
    check(":" in source, source)
    equal(len(sender.sessions()), 1)


@case("MX-08 MX-17 SMTP-02")
def where_both_families_of_the_best_host_are_dead_the_next_host_has_the_mail(t):
    second = t.receiver()
    best = t.lab.host(t.lab.black_hole(t.lab.address6()), t.lab.black_hole())
    domain = t.domain((10, best), (20, second))
    sender = t.sender(*both_families(t), "--connect-timeout=1s")
    sender.put(f"you@{domain}")
    sender.run()
    event = delivered_to(sender, f"you@{domain}", second)
    equal(event["reason"].count("no connection within the time limit"), 2, event["reason"])


@case("MX-17 DANE-48")
def what_a_host_must_prove_is_the_same_over_both_families(t):
    """IPv6 is dead, IPv4 offers no TLS: nothing leaves."""
    four = t.receiver(certificate=None)
    domain = t.domain(t.lab.host(t.lab.black_hole(t.lab.address6()), four.addresses[0]))
    sender = t.sender(*both_families(t), "--tls", f"{domain}=secure")
    sender.put(f"you@{domain}")
    sender.run(expect=MAIL_WAITS)
    equal(sender.outcome(f"you@{domain}")["event"], "deferred")
    equal(len(four.connections), 1)
    equal(four.accepted(), [])


@case("MX-04")
def a_domain_without_mx_is_its_own_host(t):
    receiver = t.receiver()
    domain = f"d{t.lab.number()}.play.lab"
    t.lab.host(*receiver.addresses, name=domain)
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    equal(delivered_to(sender, f"you@{domain}", receiver)["mx"], domain)


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
    delivered_to(sender, f"you@{domain}", receiver)


@case("MX-02 DSN-12")
def a_domain_that_does_not_exist_bounces_without_asking_for_an_address(t):
    domain = f"nobody{t.lab.number()}.play.lab"
    sender = t.sender()
    sender.put(f"you@{domain}")
    sender.run()
    event = sender.outcome(f"you@{domain}")
    equal((event["event"], event["status"], event["bounce_class"]), ("bounced", "5.1.2", "domain"))
    equal(t.lab.names.queries(domain, "A") + t.lab.names.queries(domain, "AAAA"), [])


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
    delivered_to(sender, f"you@[{address}]", receiver)
    equal(receiver.mails[0].sni, None, "SNI")
    check(not [query for query in t.lab.names.queries() if address in query[0]], "it was looked up")


@case("MX-19")
def an_ipv6_literal_is_connected_to(t):
    receiver = t.receiver(t.lab.address6())
    rcpt = f"you@[IPv6:{receiver.addresses[0]}]"
    sender = t.sender()
    sender.put(rcpt)
    sender.run()
    delivered_to(sender, rcpt, receiver)


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


@case("MX-18")
def a_dead_host_is_not_probed_for_each_message(t):
    domain = t.domain(t.lab.refusing_address())
    sender = t.sender()
    for n in range(30):
        sender.put(f"r{n}@{domain}")
    sender.run(expect=MAIL_WAITS)
    # Those who were never offered to a host get no event (DESIGN 1).
    equal({event["event"] for event in sender.outcomes()}, {"deferred"})
    equal(len(sender.waiting()), 30)
    # CONFORMANCE 0.4: after a connection failed, at most two sessions.
    check(len(sender.sessions(domain=domain)) <= 4, "a connection attempt for each message")


@case("DANE-29")
def a_route_to_an_address_goes_there(t):
    receiver, other = t.receiver(), t.receiver()
    domain = t.domain(other)
    sender = t.sender("--route", f"{domain}={receiver.addresses[0]}")
    sender.put(f"you@{domain}")
    sender.run()
    delivered_to(sender, f"you@{domain}", receiver)
    equal(t.lab.names.queries(domain, "MX"), [])


@case("DANE-29 DANE-11")
def a_route_to_a_name_and_port_goes_there(t):
    receiver = t.receiver(port=2525)
    host = t.lab.host(*receiver.addresses)
    domain, other = f"d{t.lab.number()}.play.lab", t.domain(t.receiver())
    sender = t.sender("--route", f"{domain}={host}:2525")
    sender.put([f"you@{domain}", f"you@{other}"])
    sender.run()
    delivered_to(sender, f"you@{domain}", receiver)


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
    delivered_to(sender, f"you@{domain}", receiver)


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
