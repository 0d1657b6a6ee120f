"""The outbound queue's pure parts: replies, routes, retry curve, reachable addresses, failure reports."""

import email
import email.policy
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from domains.dns.port import Answer, DnsStatus
from domains.reach import refuse_address
from mailboxes.outbound.dsn import Returned, build_failure_report
from mailboxes.outbound.outcome import Outcome, RecipientResult, RemoteReply, no_reply, parse_reply
from mailboxes.outbound.route import order_hosts, parse_mx, resolve_addresses, resolve_route
from mailboxes.outbound.schedule import LIFETIME, retry_delay


class Zone:
    """A resolver over a dictionary: (name, type) to status and records."""

    def __init__(self, answers: dict[tuple[str, str], tuple[DnsStatus, tuple[str, ...]]]) -> None:
        self.answers = answers

    async def lookup(self, name: str, rdtype: str) -> Answer:
        status, records = self.answers.get((name, rdtype), (DnsStatus.NXDOMAIN, ()))
        return Answer(name, rdtype, status, records)


FOUND, NODATA, NXDOMAIN, TEMPFAIL = DnsStatus.FOUND, DnsStatus.NODATA, DnsStatus.NXDOMAIN, DnsStatus.TEMPFAIL


@pytest.mark.parametrize(
    ("code", "message", "enhanced", "outcome"),
    [
        (250, "2.0.0 ok", "2.0.0", Outcome.SENT),
        (250, "ok", "", Outcome.SENT),
        (451, "4.7.1 later", "4.7.1", Outcome.DEFERRED),
        (550, "5.1.1 unknown\n5.1.1 really", "5.1.1", Outcome.FAILED),
        (550, "4.1.1 disagrees with its code", "", Outcome.FAILED),
        (0, "", "", Outcome.DEFERRED),  # silence
        (999, "nonsense", "", Outcome.DEFERRED),  # a remote's fault
        (354, "go on", "", Outcome.DEFERRED),  # no end of a transaction
    ],
)
def test_reply_is_read(code: int, message: str, enhanced: str, outcome: Outcome) -> None:
    reply = parse_reply(code, message)
    assert (reply.enhanced, reply.outcome) == (enhanced, outcome)


def test_reply_text_is_one_bounded_printable_line() -> None:
    reply = parse_reply(550, "5.7.1 <script>\x00\x1b[2J\n" + "x" * 5000)
    assert "\n" not in reply.text
    assert "\x1b" not in reply.text
    assert len(reply.text) <= 500


def test_retry_curve_grows_to_four_hours_and_is_spread() -> None:
    waits = [retry_delay(attempts, 0.5) for attempts in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=1)
    assert waits[-1] == timedelta(hours=4)
    assert retry_delay(7, 0.0) < retry_delay(7, 1.0) <= timedelta(hours=4.5)
    assert sum(waits, timedelta()) < LIFETIME


def test_hosts_are_ordered_by_preference_and_equals_shuffled() -> None:
    pairs = parse_mx(["20 c.example", "10 b.example.", "10 a.example"])
    assert order_hosts(pairs, lambda hosts: hosts.reverse()) == ["b.example", "a.example", "c.example"]
    assert order_hosts(pairs, lambda hosts: None) == ["a.example", "b.example", "c.example"]


@pytest.mark.parametrize(
    ("answers", "hosts", "enhanced", "permanent"),
    [
        ({("d.example", "MX"): (FOUND, ("10 mx.example",))}, ["mx.example"], "", False),
        ({("d.example", "MX"): (NODATA, ())}, ["d.example"], "", False),  # implicit MX
        ({("d.example", "MX"): (FOUND, ("0 ",))}, [], "5.1.10", True),  # null MX
        ({("d.example", "MX"): (FOUND, ("0 .",))}, [], "5.1.10", True),  # null MX with its dot
        ({}, [], "5.1.2", True),  # no such domain
        ({("d.example", "MX"): (TEMPFAIL, ())}, [], "4.4.3", False),  # silence is not absence
        ({("d.example", "MX"): (DnsStatus.BOGUS, ())}, [], "4.4.3", False),
        ({("d.example", "MX"): (FOUND, ("10 us.example",))}, [], "5.4.6", True),  # only ourselves: a loop
        ({("d.example", "MX"): (FOUND, ("5 a.example", "10 us.example", "20 b.example"))}, ["a.example"], "", False),
    ],
)
async def test_route(answers: dict, hosts: list[str], enhanced: str, permanent: bool) -> None:
    route = await resolve_route("d.example", Zone(answers), frozenset({"us.example"}), lambda hosts: None)
    assert list(route.hosts) == hosts
    assert (route.failure.enhanced if route.failure else "") == enhanced
    assert route.permanent is permanent


async def test_addresses_of_a_host() -> None:
    zone = Zone(
        {("mx", "A"): (FOUND, ("192.0.2.1",)), ("mx", "AAAA"): (FOUND, ("2001:db8::1",)), ("t", "A"): (TEMPFAIL, ())}
    )
    assert (await resolve_addresses("mx", zone))[0] == ["2001:db8::1", "192.0.2.1"]
    failure = (await resolve_addresses("none", zone))[1]
    assert failure is not None
    assert failure.outcome is Outcome.FAILED
    failure = (await resolve_addresses("t", zone))[1]
    assert failure is not None
    assert failure.outcome is Outcome.DEFERRED


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("8.8.8.8", 25, True),
        ("2606:4700::1", 25, True),
        ("127.0.0.1", 25, False),
        ("10.1.2.3", 25, False),
        ("169.254.169.254", 25, False),
        ("::1", 25, False),
        ("::ffff:127.0.0.1", 25, False),  # mapped
        ("0.0.0.0", 25, False),
        ("224.0.0.1", 25, False),
        ("127.0.0.9", 25, True),  # named by the operator
        ("127.0.0.9", 2525, False),  # named, but our own MX: a loop
        ("::ffff:127.0.0.9", 2525, False),
    ],
)
def test_reachable_addresses(address: str, port: int, allowed: bool) -> None:
    reason = refuse_address(address, port, frozenset({("127.0.0.9", 2525)}), [ip_network("127.0.0.9/32")])
    assert (reason == "") is allowed


def _report(mail_from: str, recipient: str, reply: RemoteReply) -> bytes:
    returned = Returned(mail_from, b"Subject: hello\r\n\r\n", datetime(2026, 1, 1, tzinfo=UTC), "t1")
    results = [RecipientResult(recipient, Outcome.FAILED, reply, "mx.example[192.0.2.1]")]
    return build_failure_report(returned, results, "mail.example", datetime(2026, 1, 2, tzinfo=UTC), "id1")


def test_failure_report_is_a_multipart_report() -> None:
    octets = _report("alice@acme.example", "bob@far.example", RemoteReply(550, "5.1.1", "unknown"))
    message = email.message_from_bytes(octets, policy=email.policy.SMTP)
    human, status, headers = message.iter_parts()
    assert message.get_content_type() == "multipart/report"
    assert message["Auto-Submitted"] == "auto-replied"
    assert "550 5.1.1 unknown" in human.get_content()
    assert status.get_content_type() == "message/delivery-status"
    assert b"Status: 5.1.1\r\n" in octets
    assert b"Final-Recipient: rfc822; bob@far.example\r\n" in octets
    assert headers.get_content_type() == "text/rfc822-headers"
    assert b"\n" not in octets.replace(b"\r\n", b"")


def test_failure_report_never_takes_a_line_from_outside() -> None:
    octets = _report(
        "a@acme.example", "bob@far.example\r\nAction: delivered", RemoteReply(550, "", "x\r\nBcc: all@x")
    )
    assert b"\r\nAction: delivered" not in octets
    assert b"\r\nBcc:" not in octets


def test_failure_report_after_silence_has_a_status_of_class_five_and_no_diagnostic() -> None:
    octets = _report("a@acme.example", "b@far.example", no_reply("4.4.1", "no answer"))
    assert b"Status: 5.4.1\r\n" in octets
    assert b"Diagnostic-Code" not in octets


def test_failure_report_with_international_addresses() -> None:
    octets = _report("a@acme.example", "jörg@far.example", RemoteReply(550, "5.1.1", "unknown"))
    assert b"message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n" in octets
    assert "utf-8; jörg@far.example".encode() in octets
