"""The tester against real sockets: a DNS server, web servers by HTTPS and HTTP, mail servers with certificates."""

import json
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from domains import autoconfig
from domains.autoconfig import MailServer
from domains.client_settings import Fault
from domains.errors import NotFound, Refused, TooMany
from domains.identifiers import new_identifier
from domains.services import client_test
from domains.services.client_imitations import CLIENTS as PROGRAMS
from domains.services.client_steps import Meaning, Outcome
from domains.services.client_test import run_client_test
from domains.views.client_words import CLIENTS, FAULTS, SENTENCES, sentence_of
from tests.api.people import call, make_world
from tests.certificates import Authority
from tests.factories import domain_admin_act, make_administrator, make_domain, superadmin_act
from tests.http_server import HttpServer, answer
from tests.panel.people import signed_in

pytestmark = pytest.mark.django_db

GREETINGS = {"imap": b"* OK ready\r\n", "smtp": b"220 mail.acme.example ESMTP\r\n"}


def somebody():
    """A superadministrator who asked for nothing yet within the hour."""
    return replace(superadmin_act(), name=new_identifier())


class MailPeer:
    """A mail server that greets, begins TLS, says its capabilities; in a thread for each connection."""

    def __init__(self, protocol: str, certificate: tuple[Path, Path], implicit: bool) -> None:
        self.protocol, self.implicit = protocol, implicit
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.said: list[bytes] = []

    def __enter__(self) -> "MailPeer":
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            link = self.context.wrap_socket(connection, server_side=True) if self.implicit else connection
            link.sendall(GREETINGS[self.protocol])
            while line := _line(link):
                self.said.append(line)
                tag, _, command = line.partition(b" ")
                word = (command if self.protocol == "imap" else line).split()[0].upper()
                if word == b"STARTTLS":
                    link.sendall(tag + b" OK\r\n" if self.protocol == "imap" else b"220 go\r\n")
                    link = self.context.wrap_socket(link, server_side=True)
                elif word == b"CAPABILITY":
                    link.sendall(b"* CAPABILITY IMAP4rev1 IDLE\r\n" + tag + b" OK\r\n")
                elif word == b"EHLO":
                    link.sendall(b"250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
                else:
                    link.sendall(tag + b" OK\r\n" if self.protocol == "imap" else b"221 bye\r\n")


def _line(link: socket.socket) -> bytes:
    octets = b""
    while not octets.endswith(b"\r\n"):
        piece = link.recv(1)
        if not piece:
            return b""
        octets += piece
    return octets[:-2]


@dataclass
class Lab:
    """acme.example with its web and mail servers; ``respond`` answers what was asked of a host and path."""

    dns: object
    web: HttpServer
    plain: HttpServer
    plain_answers: dict[tuple[str, str], object]
    servers: list[MailServer]
    answers: dict[tuple[str, str], object]

    def names(self, *names: str) -> None:
        """Let these names lead to the lab."""
        for name in names:
            self.dns.zone[(name, "A")] = ["127.0.0.1"]

    def test(self, client: str, address: str = "alice@acme.example"):
        """Run the test for one program."""
        (result,) = run_client_test(somebody(), "acme.example", address, [client]).results
        return result


@pytest.fixture
def lab(dns_settings, settings, tmp_path):
    authority = Authority(tmp_path)
    mail = authority.issue("mail.acme.example")
    web = authority.issue("acme.example", "autoconfig.acme.example", "autodiscover.acme.example", "elsewhere.example")
    answers: dict[tuple[str, str], object] = {}
    plain_answers: dict[tuple[str, str], object] = {}

    def respond_from(known):
        def respond(asked):
            host, path = asked.headers["host"].partition(":")[0], asked.path.partition("?")[0]
            found = known.get((host, path), answer("404 Not Found"))
            return found(asked) if callable(found) else found

        return respond

    with ExitStack() as stack:
        peers = {
            (protocol, implicit): stack.enter_context(MailPeer(protocol, mail, implicit))
            for protocol in ("imap", "smtp")
            for implicit in (True, False)
        }
        https = stack.enter_context(HttpServer(respond_from(answers), web))
        plain = stack.enter_context(HttpServer(respond_from(plain_answers)))
        ports = {
            "imaps": peers["imap", True].port,
            "imap": peers["imap", False].port,
            "submissions": peers["smtp", True].port,
            "submission": peers["smtp", False].port,
        }
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            private_networks=(ip_network("127.0.0.1/32"),),
            ca_file=authority.ca_file,
            sts_port=https.port,
            http_port=plain.port,
            public_ports={**settings.MAILADMIN.public_ports, **ports},
        )
        servers = [
            MailServer(protocol, "mail.acme.example", peer.port, implicit)
            for (protocol, implicit), peer in peers.items()
        ]
        made = Lab(dns_settings, https, plain, plain_answers, servers, answers)
        made.names("mail.acme.example")
        make_domain("acme.example")
        yield made


FILE = ("autoconfig.acme.example", "/mail/config-v1.1.xml")
WELL_KNOWN = ("acme.example", "/.well-known/autoconfig/mail/config-v1.1.xml")


def xml(octets):
    return answer(body=octets, Content_Type="text/xml")


def meanings(result):
    return [step.meaning.value for step in result.steps]


def thunderbird_file(servers):
    return xml(autoconfig.thunderbird_text("acme.example", servers, "acme.example"))


# ---- Thunderbird ------------------------------------------------------------------------------------------------


def test_thunderbird_finds_its_file_and_every_server_is_called(lab):
    lab.names(FILE[0])
    lab.answers[FILE] = thunderbird_file(lab.servers)
    result = lab.test("thunderbird")
    assert result.ok
    assert meanings(result) == ["settings"]
    assert result.steps[0].address == "127.0.0.1"
    assert [server.probed.fault for server in result.servers] == [""] * 4
    assert [server.chosen for server in result.servers] == [True, False, True, False]
    assert all(server.ours for server in result.servers)
    first, *_, last = result.servers
    assert (first.probed.names, first.probed.capabilities) == (("mail.acme.example",), ("IMAP4rev1", "IDLE"))
    assert last.probed.tls_version.startswith("TLS")
    assert last.probed.capabilities == ("STARTTLS", "AUTH PLAIN")
    assert first.setting.username == "alice@acme.example"
    assert lab.web.asked[0].path.endswith("?emailaddress=alice%40acme.example")


def test_thunderbird_goes_on_when_the_name_is_missing(lab):
    lab.names("acme.example")
    lab.answers[WELL_KNOWN] = thunderbird_file(lab.servers)
    result = lab.test("thunderbird")
    assert (result.ok, meanings(result)) == (True, ["no-name", "settings"])
    assert result.steps[0].outcome is Outcome.ABSENT


def test_thunderbird_does_not_trust_a_certificate_for_another_name(lab, settings):
    lab.names(FILE[0])
    other = Authority(settings.MAILADMIN.ca_file.parent).issue("elsewhere.example")
    with HttpServer(lab.web.respond, other) as server:
        settings.MAILADMIN = replace(settings.MAILADMIN, sts_port=server.port)
        result = lab.test("thunderbird")
    step = result.steps[0]
    assert (step.meaning, step.values["names"]) == (Meaning.CERTIFICATE, "elsewhere.example")
    assert not result.ok


def test_a_wrong_host_in_the_file_is_told(lab):
    lab.names(FILE[0])
    servers = [replace(server, host="typo.acme.example") for server in lab.servers]
    lab.answers[FILE] = thunderbird_file(servers)
    result = lab.test("thunderbird")
    assert not result.ok
    assert {server.probed.fault for server in result.servers} == {"typo.acme.example has no address."}
    assert not any(server.ours for server in result.servers)


def test_a_host_whose_certificate_is_another_ones_is_told(lab):
    lab.names(FILE[0], "alias.acme.example")
    servers = [replace(server, host="alias.acme.example") for server in lab.servers]
    lab.answers[FILE] = thunderbird_file(servers)
    result = lab.test("thunderbird")
    assert not result.ok
    for server in result.servers:
        assert "certificate does not verify" in server.probed.fault
        assert server.probed.names == ("mail.acme.example",)


def test_a_redirect_to_plain_http_is_not_followed(lab):
    lab.names(FILE[0])
    lab.answers[FILE] = lambda asked: answer("302 Found", Location="http://autoconfig.acme.example/plain")
    result = lab.test("thunderbird")
    assert meanings(result)[0] == "redirect-plain"
    assert not result.ok
    assert "/plain" not in [asked.path for asked in lab.web.asked]


def test_a_loop_of_redirects_ends(lab):
    lab.names(FILE[0])
    lab.answers[FILE] = lambda asked: answer("302 Found", Location=asked.path)
    result = lab.test("thunderbird")
    assert meanings(result)[:2] == ["redirect", "loop"]
    lab.answers[FILE] = lambda asked: answer("302 Found", Location="/0")
    for number in range(20):
        lab.answers[FILE[0], f"/{number}"] = answer("302 Found", Location=f"/{number + 1}")
    result = lab.test("thunderbird")
    assert meanings(result)[:7] == ["redirect"] * 6 + ["loop"]


@pytest.mark.parametrize(
    "place",
    ["https://[::1", "https://autoconfig.acme.example:99999/", "ftp://acme.example/", "//", "https:///x",
     "mailto:a@b.c", "https://autoconfig.acme.example:0/", "https://a b.example/", "https://🙂.example/",
     "https://" + "a" * 300 + ".example/"],
)  # fmt: skip
def test_places_that_are_none_end_no_test(lab, place):
    lab.names(FILE[0], "acme.example", AUTODISCOVER[0])
    head = f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
    lab.answers[FILE] = head
    assert not lab.test("thunderbird").ok
    action = f"<Action>redirectUrl</Action><RedirectUrl>{place}</RedirectUrl>"
    said = f"<Autodiscover><Response><Account>{action}</Account></Response></Autodiscover>"
    lab.answers["acme.example", XML_PATH] = xml(said.encode())
    lab.answers[AUTODISCOVER[0], "/autodiscover/autodiscover.json"] = answer(body=json.dumps({"Url": place}).encode())
    lab.plain_answers[AUTODISCOVER] = head
    lab.dns.zone[("_autodiscover._tcp.acme.example", "SRV")] = ["0 0 65535 acme.example"]
    result = lab.test("outlook")
    assert not result.ok
    assert len(result.steps) >= 4


def test_silence_about_a_name_is_told_as_such_whatever_the_name(lab):
    lab.names(FILE[0])
    lab.dns.failing.add("certificate.example")
    lab.answers[FILE] = answer("302 Found", Location="https://certificate.example/x")
    assert meanings(lab.test("thunderbird"))[:2] == ["redirect", "no-answer"]


def test_what_is_no_file_is_told(lab):
    lab.names(FILE[0], "acme.example")
    lab.answers[FILE] = xml(b"<html>")
    lab.answers[WELL_KNOWN] = xml(b"<clientConfig/>")
    result = lab.test("thunderbird")
    assert meanings(result)[:2] == ["unreadable", "no-settings"]
    assert sentence_of(result.steps[0]) == "It cannot use the answer: It is not XML. It goes on."


def test_a_plain_file_is_taken_and_told(lab):
    lab.names(FILE[0])
    lab.plain_answers[FILE] = thunderbird_file(lab.servers)
    result = lab.test("thunderbird")
    assert result.ok
    assert meanings(result) == ["not-there", "no-name", "plain"]


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("mx.elsewhere.example", ["elsewhere.example"]),
        ("mx.a.b.elsewhere.example", ["a.b.elsewhere.example", "elsewhere.example"]),
        ("mx.acme.example", []),
    ],
)
def test_thunderbird_asks_the_domain_of_the_mail_host(lab, host, domains):
    lab.dns.zone[("acme.example", "MX")] = ["20 later.far.example", f"10 {host}"]
    asked = [step.asked.partition("/mail/")[0] for step in lab.test("thunderbird").steps]
    place = asked.index("MX acme.example")
    assert asked[place + 1 : place + 1 + len(domains)] == [f"GET https://autoconfig.{name}" for name in domains]
    assert asked[place + 1 + len(domains)].startswith("SRV ")


def test_thunderbird_goes_by_srv_records_then_guesses(lab):
    ports = {(server.protocol, server.tls): server.port for server in lab.servers}
    lab.dns.zone[("_imaps._tcp.acme.example", "SRV")] = [f"0 1 {ports['imap', True]} mail.acme.example"]
    lab.dns.zone[("_submission._tcp.acme.example", "SRV")] = [f"0 1 {ports['smtp', False]} mail.acme.example"]
    result = lab.test("thunderbird")
    assert result.ok
    assert meanings(result)[-4:] == ["offered", "not-there", "not-there", "offered"]
    lab.dns.zone = {("imap.acme.example", "A"): ["127.0.0.1"]}
    result = lab.test("thunderbird")
    assert "guessed" in meanings(result)
    assert not result.ok


# ---- Outlook ----------------------------------------------------------------------------------------------------

XML_PATH = "/autodiscover/autodiscover.xml"
AUTODISCOVER = ("autodiscover.acme.example", XML_PATH)


def outlook_file(servers):
    return xml(autoconfig.outlook_text("alice@acme.example", servers))


def test_outlook_posts_to_the_domain_then_to_its_own_host(lab):
    lab.names("acme.example", AUTODISCOVER[0])
    lab.answers[AUTODISCOVER] = outlook_file(lab.servers)
    result = lab.test("outlook")
    assert result.ok
    assert meanings(result) == ["not-there", "settings"]
    assert [(asked.method, asked.headers["host"]) for asked in lab.web.asked] == [
        ("POST", "acme.example"),
        ("POST", "autodiscover.acme.example"),
    ]
    assert autoconfig.parse_outlook_request(lab.web.asked[0].body) == "alice@acme.example"


def test_outlook_follows_a_plain_redirect_to_https(lab):
    lab.names(AUTODISCOVER[0], "elsewhere.example")
    lab.plain_answers[AUTODISCOVER] = answer("302 Found", Location="https://elsewhere.example/there")
    lab.answers["elsewhere.example", "/there"] = outlook_file(lab.servers)
    result = lab.test("outlook")
    assert (result.ok, meanings(result)) == (True, ["no-name", "not-there", "redirect", "settings"])


def test_outlook_goes_by_srv(lab):
    lab.names("elsewhere.example")
    lab.dns.zone[("_autodiscover._tcp.acme.example", "SRV")] = ["0 0 443 elsewhere.example"]
    lab.answers["elsewhere.example", XML_PATH] = outlook_file(lab.servers)
    result = lab.test("outlook")
    assert result.ok
    assert meanings(result)[-2:] == ["offered", "settings"]


def test_outlook_reads_the_place_in_json(lab):
    lab.names(AUTODISCOVER[0], "elsewhere.example")
    place = b'{"Protocol": "AutodiscoverV1", "Url": "https://elsewhere.example/x"}'
    lab.answers[AUTODISCOVER[0], "/autodiscover/autodiscover.json"] = answer(body=place)
    lab.answers["elsewhere.example", "/x"] = outlook_file(lab.servers)
    result = lab.test("outlook")
    assert result.ok
    assert meanings(result)[-2:] == ["place", "settings"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (
            "<Action>redirectUrl</Action><RedirectUrl>http://autodiscover.acme.example/x</RedirectUrl>",
            "redirect-plain",
        ),
        (f"<Action>redirectUrl</Action><RedirectUrl>https://{AUTODISCOVER[0]}{XML_PATH}</RedirectUrl>", "loop"),
        ("<Action>redirectAddr</Action><RedirectAddr>alice@acme.example</RedirectAddr>", "loop"),
        ("<Action>settings</Action>", "no-settings"),
    ],
)
def test_answers_that_lead_outlook_astray(lab, action, expected):
    lab.names(AUTODISCOVER[0])
    text = f"<Autodiscover><Response><Account>{action}</Account></Response></Autodiscover>"
    lab.answers[AUTODISCOVER] = xml(text.encode())
    result = lab.test("outlook")
    assert not result.ok
    assert expected in meanings(result)
    assert len(result.steps) < 20


# ---- Apple ------------------------------------------------------------------------------------------------------


def test_apple_installs_the_profile(lab):
    lab.names(FILE[0])
    body = autoconfig.apple_profile(
        "alice@acme.example", [row for row in lab.servers if row.tls], "alice@acme.example"
    )
    lab.answers[FILE[0], "/mail/profile.mobileconfig"] = answer(body=body)
    result = lab.test("apple")
    assert (result.ok, meanings(result)) == (True, ["settings", "unsigned"])


def test_apple_goes_by_srv_and_a_dot_means_no(lab):
    lab.dns.zone[("_imaps._tcp.acme.example", "SRV")] = ["0 0 0 ."]
    lab.dns.failing.add("_submissions._tcp.acme.example")
    result = lab.test("apple")
    assert not result.ok
    assert meanings(result) == ["no-name", "not-offered", "not-there", "no-answer", "not-there"]


# ---- Limits -----------------------------------------------------------------------------------------------------


def test_nothing_inside_is_reached(lab, settings):
    lab.names(FILE[0])
    lab.answers[FILE] = thunderbird_file(lab.servers)
    settings.MAILADMIN = replace(settings.MAILADMIN, private_networks=())
    result = lab.test("thunderbird")
    assert not result.ok
    assert result.steps[0].meaning is Meaning.NO_ANSWER
    assert "is not a public address" in result.steps[0].values["reason"]
    assert lab.web.connections == 0


@pytest.mark.parametrize(
    "address", ["alice@other.example", "no address", "a\nb@acme.example", "🙂@acme.example", "@"]
)
def test_addresses_elsewhere_are_refused(lab, address):
    with pytest.raises(Refused):
        run_client_test(somebody(), "acme.example", address)


def test_without_an_address_postmaster_is_tried(lab):
    assert run_client_test(somebody(), "acme.example", "", ["apple"]).address == "postmaster@acme.example"


def test_foreign_domains_are_absent(lab):
    with pytest.raises(NotFound):
        run_client_test(domain_admin_act(make_domain("other.example")), "acme.example")


def test_so_many_an_hour(lab, monkeypatch):
    monkeypatch.setattr(client_test, "TESTS_AN_HOUR", 0)
    with pytest.raises(TooMany):
        lab.test("apple")


def test_every_meaning_and_every_program_has_its_words():
    assert set(SENTENCES) == set(Meaning)
    assert set(FAULTS) == set(Fault)
    assert set(CLIENTS) == set(PROGRAMS)


# ---- API and panel ----------------------------------------------------------------------------------------------


def test_the_api_answers_for_all_three(lab):
    make_world()
    lab.names(FILE[0])
    lab.answers[FILE] = thunderbird_file(lab.servers)
    body = call("POST", "/domains/acme.example/client-test", body={"address": "alice@acme.example"}).json()
    assert [row["client"] for row in body["clients"]] == ["thunderbird", "outlook", "apple"]
    thunderbird, outlook, _apple = body["clients"]
    assert thunderbird["ok"] is True
    assert thunderbird["steps"][0]["message"].endswith("the certificate is right for autoconfig.acme.example.")
    assert [row["works"] for row in thunderbird["settings"]] == [True] * 4
    assert outlook["ok"] is False
    assert outlook["settings"] == []
    wrong = call("POST", "/domains/acme.example/client-test", body={"address": "alice@other.example"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "address")


@pytest.fixture
def dora(lab):
    """The administrator of acme.example."""
    from domains.models import Domain

    return make_administrator("dora@operator.example", Domain.objects.get(name="acme.example"))


def test_the_page_without_javascript_shows_all(lab, dora):
    lab.names(FILE[0])
    lab.answers[FILE] = thunderbird_file(lab.servers)
    page = signed_in(dora).post("/domains/acme.example/client-test", {"address": ""}).content.decode()
    assert page.count("</h3>") == 3
    assert "Sets itself up" in page
    assert "Does not set itself up" in page
    assert 'hx-trigger="load"' not in page


def test_the_page_shows_what_no_text_can_hold(lab, dora):
    lab.names(AUTODISCOVER[0])
    place = (AUTODISCOVER[0], "/autodiscover/autodiscover.json")
    for text in (b'"https://\\ud800.example/\\ud800"', b'"\\ud800"', b'"https://acme.example/\\u0000"'):
        lab.answers[place] = answer(body=b'{"Url": ' + text + b"}")
        page = signed_in(dora).post("/domains/acme.example/client-test", {"address": "alice@acme.example"})
        assert page.status_code == 200


def test_with_htmx_one_follows_the_other(lab, dora):
    client = signed_in(dora)
    following = []
    for name in PROGRAMS:
        data = {"address": "", "client": name}
        page = client.post("/domains/acme.example/client-test", data, headers={"HX-Request": "true"}).content.decode()
        assert page.count("</h3>") == 1
        assert "<html" not in page
        following.append(
            "outlook" if '"client": "outlook"' in page else "apple" if '"client": "apple"' in page else ""
        )
    assert following == ["outlook", "apple", ""]


@pytest.mark.parametrize("hx", [True, False])
def test_the_page_says_what_is_wrong_with_an_address(lab, dora, hx):
    headers = {"HX-Request": "true"} if hx else {}
    page = signed_in(dora).post("/domains/acme.example/client-test", {"address": "x@y.example"}, headers=headers)
    assert "is not one of acme.example" in page.content.decode()


def test_what_a_server_says_is_escaped(lab, dora, monkeypatch):
    lab.names(FILE[0])
    lab.answers[FILE] = thunderbird_file(lab.servers)
    monkeypatch.setitem(GREETINGS, "imap", b"* OK <script>alert(1)</script>\r\n")
    page = signed_in(dora).post("/domains/acme.example/client-test", {"address": ""}).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
