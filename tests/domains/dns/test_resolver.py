"""What counts as an answer: to our question, from whom we asked; and what it then says."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from domains.dns.port import DnsStatus, Fault
from domains.dns.resolver import ask_server

NAME = "acme.example"


@contextmanager
def answering(change: Callable[[dns.message.Message, dns.message.Message], object]) -> Iterator[tuple[str, int]]:
    """A server that gives a good answer as ``change`` left it, or octets that it returns instead."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    wire, client = sock.recvfrom(4096)
                except OSError:
                    return
                query = dns.message.from_wire(wire)
                response = dns.message.make_response(query, recursion_available=True)
                response.answer.append(dns.rrset.from_text(f"{NAME}.", 86400, "IN", "TXT", '"v=spf1 " "-all"'))
                octets = change(query, response)
                sock.sendto(octets if isinstance(octets, bytes) else response.to_wire(), client)

        threading.Thread(target=serve, daemon=True).start()
        yield sock.getsockname()


def _other_name(query, response):
    response.question = dns.message.make_query("evil.example", "TXT").question


def _other_type(query, response):
    response.question = dns.message.make_query(NAME, "A").question


def _no_answer_flag(query, response):
    response.flags &= ~dns.flags.QR


def _other_number(query, response):
    response.id ^= 1


def _two_questions(query, response):
    response.question = response.question * 2


@pytest.mark.parametrize("change", [_other_name, _other_type, _no_answer_flag, _other_number, _two_questions])
async def test_what_is_no_answer_to_our_question_is_silence(change, monkeypatch):
    monkeypatch.setattr("domains.dns.resolver.TRY_SECONDS", 0.1)
    with answering(change) as server:
        answer = await ask_server(server, NAME, "TXT")
    assert (answer.status, answer.fault) == (DnsStatus.TEMPFAIL, Fault.SILENT)


async def test_the_text_is_joined_and_the_ttl_is_the_servers_own():
    with answering(lambda query, response: None) as server:
        answer = await ask_server(server, NAME, "TXT")
    assert (answer.records, answer.ttl) == (("v=spf1 -all",), 86400)


async def test_a_name_in_capitals_is_the_same_question():
    with answering(lambda query, response: None) as server:
        assert (await ask_server(server, NAME.upper(), "TXT")).found


async def test_what_stands_beside_an_answer_is_not_read():
    def garbage(query, response):
        wire = response.to_wire()
        return wire[:8] + b"\0\x09\0\x09" + wire[12:] + b"\xc0\xff no record"

    with answering(garbage) as server:
        assert (await ask_server(server, NAME, "TXT")).records == ("v=spf1 -all",)


def _records(kind, octets, number):
    """An answer of records with the same owner, as a server may compress it; made by hand, for it is to be large."""

    def change(query, response):
        wire = query.to_wire()
        question = wire[12:].partition(b"\0")[0] + b"\0" + kind.to_bytes(2) + b"\0\x01"
        head = wire[:2] + b"\x81\x80\0\x01" + number.to_bytes(2) + b"\0\0\0\0"
        found = [octets(place) for place in range(number)]
        one = b"\xc0\x0c" + kind.to_bytes(2) + b"\0\x01\0\0\x01\x2c"
        return head + question + b"".join(one + len(text).to_bytes(2) + text for text in found)

    return change


@pytest.mark.parametrize(
    ("octets", "number", "found"),
    [
        (lambda place: bytes(12_000), 1, True),
        (lambda place: bytes(13_000), 1, False),
        (lambda place: b"\x02" + place.to_bytes(2), 200, True),
        (lambda place: b"\x02" + place.to_bytes(2), 201, False),
        (lambda place: b"\x02" + place.to_bytes(2), 4000, False),
    ],
)
async def test_an_answer_larger_than_any_that_is_read_is_silence(octets, number, found):
    with answering(_records(16, octets, number)) as server:
        began = time.process_time()
        answer = await ask_server(server, NAME, "TXT")
    assert time.process_time() - began < 0.25
    assert answer.found is found
    assert found or answer.as_trace()["reason"] == "the answer has more than 12288 octets or 200 records"
    assert found is not ("reason" in answer.as_trace())


async def test_names_of_many_labels_cost_little():
    names = [b"\x01a" * 100 + b"\0", *(b"\x02" + place.to_bytes(2) + b"\xc0\x2a" for place in range(199))]
    with answering(_records(12, lambda place: names[place], 200)) as server:
        began = time.process_time()
        answer = await ask_server(server, NAME, "PTR")
    assert len(answer.records) > 150  # some differ in case alone
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(("rcode", "fault"), [(dns.rcode.REFUSED, Fault.REFUSED), (dns.rcode.NOERROR, Fault.SILENT)])
async def test_a_refusal_may_leave_the_question_out(rcode, fault, monkeypatch):
    monkeypatch.setattr("domains.dns.resolver.TRY_SECONDS", 0.1)

    def bare(query, response):
        response.question, response.answer = [], []
        response.set_rcode(rcode)

    with answering(bare) as server:
        answer = await ask_server(server, NAME, "TXT")
    assert (answer.status, answer.fault) == (DnsStatus.TEMPFAIL, fault)


@pytest.mark.parametrize(
    ("aa", "soa", "ns", "status", "fault"),
    [
        (True, False, False, DnsStatus.NODATA, Fault.NONE),
        (False, True, False, DnsStatus.NODATA, Fault.NONE),
        (False, False, True, DnsStatus.TEMPFAIL, Fault.LAME),
        (False, False, False, DnsStatus.TEMPFAIL, Fault.LAME),
    ],
    ids=["an authority denies", "a bounded denial", "a referral", "nothing at all"],
)
async def test_an_authority_that_points_elsewhere_denies_nothing(aa, soa, ns, status, fault):
    def empty(query, response):
        response.answer = []
        response.flags |= dns.flags.AA if aa else 0
        if soa:
            text = "ns.invalid. host.invalid. 1 3600 600 86400 60"
            response.authority.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "SOA", text))
        if ns:
            response.authority.append(dns.rrset.from_text("example.", 60, "IN", "NS", "ns.invalid."))

    with answering(empty) as server:
        answer = await ask_server(server, NAME, "TXT", recursive=False)
        resolved = await ask_server(server, NAME, "TXT")
    assert (answer.status, answer.fault) == (status, fault)
    assert resolved.status is DnsStatus.NODATA, "a resolver need not be an authority"


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", ".".join(["abcdefgh"] * 40)])
async def test_what_the_dns_cannot_hold_is_not_asked(name):
    assert (await ask_server(("127.0.0.1", 1), name, "TXT")).status is DnsStatus.NXDOMAIN
