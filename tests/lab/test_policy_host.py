"""The lab's own policy host: each fault is what its name says, or the tests that rely on it would pass for
another reason."""

import socket
import ssl
import time

from case import case
from policy_host import FAULTS, PATH, PORT, ByteHost
from sender import check, equal
from sts import policy

SECONDS = 20


def connected(t, host, address, name=None):
    """TLS with the policy host as a careful client begins it. `name`: in SNI, None for the host's."""
    context = ssl.create_default_context(cafile=t.lab.ca_file)
    context.hostname_checks_common_name = False
    sock = socket.create_connection((address, PORT), timeout=SECONDS)
    try:
        return context.wrap_socket(sock, server_hostname=name or host)
    except BaseException:
        sock.close()
        raise


def get(t, domain, address, path=PATH, until=None):
    """The status, the head and the body that it answers; with `until` no more than so many octets."""
    host = "mta-sts." + domain
    with connected(t, host, address) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
                     "Accept-Encoding: identity\r\n\r\n".encode())
        answer = b""
        while (until is None or len(answer) < until) and (more := sock.recv(65536)):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), body


def new_domain(t):
    return f"policy{t.lab.number()}.play.lab"


@case("STS-16")
def a_policy_can_be_replaced_and_taken_away_while_it_is_served(t):
    host, domain = t.lab.policy_host(), new_domain(t)
    for text in (policy(mx=["a.lab"]), policy("testing", mx=["b.lab"], ending="\n")):
        host.put(domain, text)
        status, head, body = get(t, domain, host.address)
        equal((status, body), (200, text.encode()))
        check("\r\ncontent-type: text/plain\r\n" in head + "\r\n", head)
    host.put(domain, policy(), fault="error")
    equal(get(t, domain, host.address)[0], 500)
    host.put(domain, policy())
    equal(get(t, domain, host.address)[0], 200)
    requests = host.requests(domain, count=4)
    equal([(request["method"], request["path"], request["status"]) for request in requests],
          [("GET", PATH, status) for status in ("200", "200", "500", "200")])
    equal({(request["sni"], request["host"], request["accept-encoding"]) for request in requests},
          {(f"mta-sts.{domain}", f"mta-sts.{domain}", "identity")})


@case("STS-17 STS-18 STS-19 STS-20 STS-21 STS-52")
def each_fault_of_the_policy_host_is_what_its_name_says(t):
    host, text = t.lab.policy_host(), policy(mx=["mx.lab"])
    data = text.encode()

    def answer(fault, **options):
        domain = new_domain(t)
        host.put(domain, text, fault=fault)
        return get(t, domain, host.address, **options)

    status, head, body = answer("redirect")
    check(status == 301 and "/moved" in head and body != data, head)
    equal(answer("redirect", path="/moved")[::2], (200, data))
    for fault, wanted in (("not-found", 404), ("error", 500), ("unavailable", 503)):
        equal(answer(fault)[::2], (wanted, data), fault)
    equal(answer("no-content")[::2], (204, b""))
    status, head, body = answer("html")
    check((status, body) == (200, data) and "content-type: text/html" in head, head)
    status, head, body = answer("charset")
    check((status, body) == (200, data) and "content-type: text/plain; charset=utf-8" in head, head)
    check("max-age=31536000" in answer("cacheable")[1])
    status, head, body = answer("chunked")
    check("transfer-encoding: chunked" in head and "content-length" not in head, head)
    check(body.endswith(b"\r\n0\r\n\r\n") and data in body, body)
    status, head, body = answer("gzip")
    check("content-encoding: gzip" in head and body.startswith(b"\x1f\x8b"), head)
    start = time.monotonic()
    equal(answer("slow", until=12)[:2], (200, "http/1.1 200"))
    check(time.monotonic() - start > 5, "twelve octets at once")
    equal(set(FAULTS) - {"redirect", "not-found", "error", "unavailable", "no-content", "html",
                         "charset", "cacheable", "chunked", "gzip", "slow"}, set(), "not looked at")


@case("STS-17")
def each_certificate_of_the_policy_host_is_as_told(t):
    host, authority = t.lab.policy_host(), t.lab.authority

    def why(domain, certificate, name=None):
        host.put(domain, policy(), certificate=certificate)
        try:
            connected(t, "mta-sts." + domain, host.address, name).close()
            return "good"
        except ssl.SSLCertVerificationError as error:
            return error.verify_message

    domain = new_domain(t)
    own = "mta-sts." + domain
    equal(why(domain, None), "good")
    equal(why(domain, authority.issue(["*." + domain])), "good")
    check("expired" in why(domain, authority.issue([own], damage="expired")))
    check("self" in why(domain, authority.issue([own], damage="self-signed")))
    check("match" in why(domain, authority.issue(["mta-sts.elsewhere.lab"])))
    check("match" in why(domain, authority.issue([own], damage="common-name")))


@case("STS-52")
def the_host_of_octets_sends_them_and_nothing_else(t):
    domain = new_domain(t)
    certificate = t.lab.authority.issue(["mta-sts." + domain])
    host = ByteHost(t.lab, certificate, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", pause_s=0.001)
    equal(get(t, domain, host.address)[::2], (200, b"half"))
    check(host.requests[0].startswith(f"GET {PATH} HTTP/1.1\r\n".encode()), f"{host.requests}")
