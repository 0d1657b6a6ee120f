"""What a scripted authority answers, and what becomes of it: limits, advice, nonsense."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from domains.certificates import client
from domains.certificates.port import Account, AuthorityFault, Method, Trouble
from domains.models import AcmeAccount, Certificate
from domains.services.acme_account import set_account
from domains.services.certificate_orders import order_due
from tests.acme_server import NAME
from tests.certificates import Authority
from tests.factories import superadmin_act
from tests.http_server import HttpServer, answer

pytestmark = pytest.mark.django_db
PROBLEM = "application/problem+json"


@pytest.fixture
def scripted(dns_settings, settings, tmp_path):
    """An authority whose answers by path are set by the test; it begins with a right directory."""
    from dataclasses import replace
    from ipaddress import ip_network

    authority = Authority(tmp_path)
    dns_settings.zone[NAME, "A"] = ["127.0.0.1"]
    dns_settings.zone["mail.acme.example", "A"] = ["127.0.0.1"]
    settings.MAILADMIN = replace(
        settings.MAILADMIN,
        ca_file=authority.ca_file,
        private_networks=(ip_network("127.0.0.0/8"),),
        public_addresses=("127.0.0.1",),
        https_port=None,
    )
    with HttpServer(certificate=authority.issue(NAME)) as server:
        base = f"https://{NAME}:{server.port}"
        names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "renewalInfo": "ari"}
        directory = {key: f"{base}/{path}" for key, path in names.items()} | {"meta": {}}
        server.answers = {
            "/dir": answer(body=json.dumps(directory).encode(), Content_Type="application/json"),
            "/nonce": answer(Replay_Nonce="bm9uY2U"),
            "/account": answer("201 Created", b"{}", Location=f"{base}/account/1", Replay_Nonce="bm9uY2U"),
        }
        server.respond = lambda asked: server.answers.get(asked.path, answer("404 Not Found"))
        server.url = f"{base}/dir"
        server.authority = authority
        yield server


def refuse(kind, status="403 Forbidden", **headers):
    body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": f"This is {kind}.", "status": 403}
    return answer(status, json.dumps(body).encode(), Content_Type=PROBLEM, Replay_Nonce="bm9uY2U", **headers)


def test_limits_are_obeyed_for_as_long_as_the_authority_asks(scripted):
    set_account(superadmin_act(), directory_url=scripted.url, agree=True)
    scripted.answers["/order"] = refuse("rateLimited", "429 Too Many Requests", Retry_After="172800")
    before = datetime.now(UTC)
    assert order_due() == 0
    row = Certificate.objects.get()
    assert (row.trouble, row.detail) == (Trouble.RATE, "This is rateLimited.")
    assert row.due_at - before > timedelta(hours=47)
    assert AcmeAccount.objects.get().rest_until - before > timedelta(hours=47)
    orders = [asked.path for asked in scripted.asked].count("/order")
    Certificate.objects.update(due_at=before)
    assert order_due() == 0
    assert [asked.path for asked in scripted.asked].count("/order") == orders == 1


class Nobody:
    method = Method.HTTP

    def present(self, name, token, content):
        raise AssertionError("nothing is to be shown")

    def withdraw(self):
        pass


def order(scripted):
    account = Account(scripted.url, f"{scripted.url}/1", client.new_key())
    with pytest.raises(AuthorityFault) as fault:
        client.order(account, "mail.acme.example", client.new_key(), Nobody())
    return fault.value


@pytest.mark.parametrize(
    ("given", "trouble", "words"),
    [
        (refuse("accountDoesNotExist"), Trouble.REFUSED, "accountDoesNotExist"),
        (refuse("badNonce", "400 Bad Request"), Trouble.REFUSED, "badNonce"),
        (answer("500 Internal Server Error", b"<html>", Replay_Nonce="bm9uY2U"), Trouble.UNREACHABLE, "HTTP 500"),
        (answer("201 Created", b"[]", Replay_Nonce="bm9uY2U"), Trouble.UNREACHABLE, "not one of ACME"),
        (answer("201 Created", b'{"status": "valid"}', Replay_Nonce="bm9uY2U"), Trouble.UNREACHABLE, ""),
        (answer("201 Created", b"x" * 300_000, Replay_Nonce="bm9uY2U"), Trouble.UNREACHABLE, "larger than"),
        (answer("201 Created", b"\xff\xfe{", Replay_Nonce="!"), Trouble.UNREACHABLE, ""),
        (answer("404 Not Found"), Trouble.UNREACHABLE, ""),
        (answer("302 Found", Location="http://127.0.0.1:1/"), Trouble.UNREACHABLE, ""),
    ],
)
def test_a_strange_answer_is_a_fault_in_words(scripted, given, trouble, words):
    scripted.answers["/order"] = given
    fault = order(scripted)
    assert fault.trouble is trouble
    assert words in fault.detail
    assert len(fault.detail) < 500


def test_a_refused_nonce_is_tried_again_a_few_times(scripted):
    scripted.answers["/order"] = refuse("badNonce", "400 Bad Request")
    order(scripted)
    assert [asked.path for asked in scripted.asked].count("/order") == client.NONCE_TRIES


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"newNonce": 1}', b"null", b"\xff"])
def test_a_directory_that_is_none_is_a_fault(scripted, body):
    scripted.answers["/dir"] = answer(body=body, Content_Type="application/json")
    with pytest.raises(AuthorityFault):
        client.read_terms(scripted.url)


def test_names_for_caa_records_are_names(scripted):
    meta = {"caaIdentities": ["CA.example", 'x"; y', "a\nb", "", "second.example"]}
    body = {"newNonce": "n", "newAccount": "a", "newOrder": "o", "meta": meta}
    scripted.answers["/dir"] = answer(body=json.dumps(body).encode())
    assert client.read_terms(scripted.url).caa_identities == ("ca.example", "second.example")


@pytest.mark.parametrize(("start", "again"), [(10, 21600), (-3, 3600), (10, 0)])
def test_the_advice_when_to_renew(scripted, start, again):
    chain = scripted.authority.issue("mail.acme.example", days=60)[0].read_text()
    begin = datetime.now(UTC) + timedelta(days=start)
    window = {"start": begin.isoformat(), "end": (begin + timedelta(days=1)).isoformat()}
    body = json.dumps({"suggestedWindow": window}).encode()
    scripted.respond = lambda asked: (
        answer(body=body, Content_Type="application/json", Retry_After=str(again))
        if asked.path.startswith("/ari/")
        else scripted.answers[asked.path]
    )
    advice = client.advice_of(scripted.url, chain)
    assert begin <= advice.renew_at <= begin + timedelta(days=1)
    wait = (advice.again_at - datetime.now(UTC)).total_seconds()
    assert abs(wait - max(again, 600)) < 30


def test_without_advice_the_life_decides(scripted):
    chain = scripted.authority.issue("mail.acme.example", days=60)[0].read_text()
    assert client.advice_of(scripted.url, chain).renew_at is None
    scripted.answers.clear()
    assert client.advice_of(scripted.url, chain).renew_at is None
