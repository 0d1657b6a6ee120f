"""Alias and parked domains on two real installations: mail in and out in the name of an alias; none when parked."""

import smtplib
from email.message import EmailMessage

import pytest

from tests.conftest import needs_program
from tests.dns_server import DnsServer
from tests.e2e.conftest import ALICE, BOB, publish
from tests.e2e.installation import Installation, eventually
from tests.e2e.test_first_domain import imap, swaks_to_mx, unverified

ALIAS = "acme-alias.example"


@pytest.fixture(scope="module")
def alias(house: Installation, dns: DnsServer) -> str:
    """An alias domain of acme.example, published and checked."""
    house.api("POST", "/domains", {"name": ALIAS, "kind": "alias", "alias_of": "acme.example"})
    publish(dns, house, ALIAS)
    house.api("POST", f"/domains/{ALIAS}/check")
    return ALIAS


def found(house: Installation, who: tuple[str, str], subject: str) -> bytes:
    """The header of the one message with this subject, once it is there."""
    client = imap(house, who)
    try:

        def look() -> bytes:
            client.select("INBOX")
            numbers = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
            return bytes(client.fetch(numbers[0], "(BODY.PEEK[HEADER])")[1][0][1]) if numbers else b""  # type: ignore[index]

        return eventually(look)
    finally:
        client.logout()


def test_an_alias_domain_is_all_right_once_published(house: Installation, alias: str) -> None:
    domain = house.api("GET", f"/domains/{alias}")
    assert (domain["kind"], domain["alias_of"], domain["health"]) == ("alias", "acme.example", "good")


@needs_program("swaks")
def test_mail_to_the_alias_domain_is_in_the_mailbox_of_its_target(house: Installation, alias: str) -> None:
    swaks_to_mx(house, "carol@far.example", f"alice@{alias}", "--header", "Subject: To the alias")
    assert b"carol@far.example" in found(house, ALICE, "To the alias")


def test_mail_in_the_name_of_the_alias_domain_is_signed_by_it(
    house: Installation, neighbour: Installation, alias: str
) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = f"alice@{alias}", BOB[0], "From the alias"
    message.set_content("Hello.\n")
    with smtplib.SMTP(house.address, house.ports["submission"], timeout=30) as client:
        client.starttls(context=unverified())
        client.login(*ALICE)
        client.send_message(message)
    header = found(neighbour, BOB, "From the alias").replace(b"\r\n", b"")
    assert header.count(f"d={alias};".encode()) == 2
    assert b"dkim=pass" in header
    assert b"dmarc=pass" in header
    assert b"spf=pass" in header


def test_a_parked_domain_is_all_right_once_published_and_takes_no_mail(house: Installation, dns: DnsServer) -> None:
    name = "acme-parked.example"
    assert house.api("POST", "/domains", {"name": name, "kind": "parked"})["reports_to"].endswith("@acme.example")
    publish(dns, house, name)
    dns.zone[(f"{name}._report._dmarc.acme.example", "TXT")] = ["v=DMARC1;"]
    house.api("POST", f"/domains/{name}/check")
    assert house.api("GET", f"/domains/{name}")["health"] == "good"
    with smtplib.SMTP(house.address, house.ports["mx"], timeout=30) as client:
        client.ehlo("client.example")
        client.mail("carol@far.example")
        assert client.rcpt(f"anyone@{name}")[0] == 556
