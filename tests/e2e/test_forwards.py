"""Forwards between two installations over real DNS: SPF passes, a bounce finds home, a ring ends after one round."""

import smtplib
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import BOB
from tests.e2e.installation import Installation, eventually
from tests.e2e.test_first_domain import imap, submit

LOOP = ("loop@acme.example", "loop@bee.example")
TWICE = ("twice@acme.example", "twice-a@bee.example", "twice-b@bee.example")


@pytest.fixture(scope="module", autouse=True)
def aliases(house: Installation, neighbour: Installation) -> Iterator[None]:
    """At acme.example, ways to Bob and to nobody at bee.example; and rings over both, one that doubles."""
    houses = {"acme.example": house, "bee.example": neighbour}
    rows = {
        "to-bob@acme.example": [BOB[0]],
        "to-nobody@acme.example": ["nobody@bee.example"],
        LOOP[0]: [LOOP[1]],
        LOOP[1]: [LOOP[0]],
        TWICE[0]: list(TWICE[1:]),
        TWICE[1]: [TWICE[0]],
        TWICE[2]: [TWICE[0]],
    }
    for address, targets in rows.items():
        houses[address.rpartition("@")[2]].api("POST", "/aliases", {"address": address, "targets": targets})
    yield
    for address in rows:
        houses[address.rpartition("@")[2]].api("DELETE", f"/aliases/{address}")


def from_outside(house: Installation, recipient: str, mail_from: str = "stranger@elsewhere.example") -> str:
    """Hand in a message at the MX; returns the id of its trace."""
    text = f"From: {mail_from}\r\nSubject: round\r\nMessage-ID: <round@elsewhere.example>\r\n\r\nHello.\r\n"
    with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
        client.ehlo("client.elsewhere.example")
        client.mail(mail_from)
        client.rcpt(recipient)
        code, reply = client.data(text)
    assert code == 250, reply
    return reply.decode().rpartition(" ")[2]


def stages(house: Installation, trace_id: str) -> list[tuple[str, str]]:
    return [(event["stage"], event["outcome"]) for event in house.events(trace_id)]


def queues_empty(*houses: Installation) -> bool:
    return not any(house.api("GET", "/queue")["items"] for house in houses)


def subjects(house: Installation, who: tuple[str, str]) -> list[str]:
    """The messages in somebody's INBOX, header and text."""
    with imap(house, who) as client:
        client.select("INBOX", readonly=True)
        found = client.search(None, "ALL")[1][0].split()
        return [client.fetch(number, "(BODY[])")[1][0][1].decode() for number in found]


def test_a_forward_passes_spf_at_the_next_host(house: Installation, neighbour: Installation) -> None:
    trace_id = from_outside(house, "to-bob@acme.example")
    (text,) = eventually(lambda: [text for text in subjects(neighbour, BOB) if "Subject: round" in text])
    assert "=elsewhere.example=stranger@acme.example>" in text.partition("\r\n")[0]
    assert "Delivered-To: to-bob@acme.example\r\n" in text
    assert "spf=pass" in text.partition("Delivered-To:")[0]
    assert ("forward", "queued") in stages(house, trace_id)
    assert eventually(lambda: ("relay", "sent") in stages(house, trace_id))


def test_a_refused_forward_goes_back_to_its_proven_sender_alone(house: Installation, neighbour: Installation) -> None:
    submit(neighbour, BOB, ["to-nobody@acme.example"], "to nobody")
    (report,) = eventually(
        lambda: [text for text in subjects(neighbour, BOB) if "report-type=delivery-status" in text]
    )
    assert "Subject: to nobody" in report
    assert "Return-Path: <>" in report
    trace_id = from_outside(house, "to-nobody@acme.example")
    assert eventually(lambda: ("notice", "dropped") in stages(house, trace_id))
    assert eventually(lambda: queues_empty(house, neighbour))
    assert house.api("GET", f"/messages/{trace_id}")["outcome"] == "dropped"


@pytest.mark.parametrize("ring", [LOOP, TWICE])
def test_a_ring_over_both_ends_after_one_round(
    house: Installation, neighbour: Installation, ring: tuple[str, ...]
) -> None:
    start, others = ring[0], ring[1:]
    trace_id = from_outside(house, start)
    assert eventually(lambda: ("relay", "sent") in stages(house, trace_id))

    def ended() -> bool:
        rows = [row for other in others for row in neighbour.api("GET", f"/messages?address={other}")["items"]]
        return {row["outcome"] for row in rows} == {"dropped"} and queues_empty(house, neighbour)

    assert eventually(ended, 30)
    passed = neighbour.api("GET", f"/messages?address={others[0]}")["items"]
    assert len(passed) == 1

    def refused() -> list[str]:
        return [row["id"] for row in house.api("GET", f"/messages?address={start}&outcome=refused")["items"]]

    assert len(eventually(refused)) == 1  # both ways of the second ring lead back by one copy
    assert "554 5.4.6" in str(house.events(refused()[0]))
