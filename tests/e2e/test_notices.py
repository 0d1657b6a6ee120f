"""A record that goes wrong, in a whole installation: a webhook is called, an administrator's mailbox has the mail."""

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.dns_server import DnsServer
from tests.e2e.conftest import ALICE, publish
from tests.e2e.installation import Installation, eventually
from tests.e2e.test_first_domain import imap
from tests.http_server import Asked, HttpServer

NAME = "drift.example"
DMARC = (f"_dmarc.{NAME}", "TXT")


def _verified(asked: Asked, secret: str) -> dict[str, Any]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    mine = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert asked.headers["webhook-signature"] == f"v1,{mine}"
    return dict(json.loads(asked.body))


def _mails(house: Installation) -> list[bytes]:
    client = imap(house, ALICE)
    client.select("INBOX", readonly=True)
    _, found = client.search(None, "SUBJECT", f'"{NAME}"')
    return [client.fetch(number, "(RFC822)")[1][0][1] for number in found[0].split()]  # type: ignore[index,misc]


def test_a_change_outside_is_told_by_webhook_and_mail(house: Installation, dns: DnsServer) -> None:
    house.api("POST", "/domains", {"name": NAME})
    house.api("POST", "/aliases", {"address": "dora@acme.example", "targets": [ALICE[0]]})
    dora = {"email": "dora@acme.example", "password": "a long sentence 42", "role": "domain_admin", "domains": [NAME]}
    house.api("POST", "/administrators", dora)
    publish(dns, house, NAME)
    house.api("POST", f"/domains/{NAME}/check")
    with HttpServer() as receiver:
        address = {"url": f"http://127.0.0.1:{receiver.port}/in", "domain": NAME}
        webhook = house.api("POST", "/webhooks", address)
        house.api("POST", f"/webhooks/{webhook['id']}/test")
        eventually(lambda: len(receiver.asked) == 1, 20)
        assert _verified(receiver.asked[0], webhook["secret"])["type"] == "test"
        right, dns.zone[DMARC] = dns.zone[DMARC], ["v=DMARC1; p=reject"]
        house.api("POST", f"/domains/{NAME}/check")
        eventually(lambda: len(receiver.asked) == 3, 20)
        events = [_verified(asked, webhook["secret"]) for asked in receiver.asked[1:]]
        assert {event["type"] for event in events} == {"record.wrong", "domain.bad"}
        house.api("POST", f"/domains/{NAME}/check")
        dns.zone[DMARC] = right
        house.api("POST", f"/domains/{NAME}/check")
        eventually(lambda: len(receiver.asked) == 5, 20)
        events = [_verified(asked, webhook["secret"]) for asked in receiver.asked[3:]]
        assert {event["type"] for event in events} == {"record.right", "domain.good"}
        log = house.api("GET", f"/webhooks/{webhook['id']}")["deliveries"]
        assert [row["state"] for row in log] == ["delivered"] * 5
    (mail,) = eventually(lambda: _mails(house), 20)
    assert b"Subject: drift.example: The TXT record at _dmarc.drift.example was right" in mail.replace(b"\r\n ", b" ")
    history = house.api("GET", f"/domains/{NAME}/records/history?record={DMARC[0]}")["items"]
    assert [(row["status"], row["times"]) for row in history] == [("right", 2), ("right", 1)]
    house.api("DELETE", f"/webhooks/{webhook['id']}")
    house.api("DELETE", f"/domains/{NAME}")
