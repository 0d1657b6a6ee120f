"""What is served under names of our domains: exactly these hosts and paths, whatever the panel's own name is."""

from dataclasses import replace

import pytest
from django.test import Client

from domains.services import kinds, mta_sts, provision
from domains.services.acme_challenges import HttpResponder
from domains.tls.mta_sts import parse_policy
from tests.domains.test_autoconfig import REQUEST
from tests.factories import make_account, make_domain, superadmin_act

pytestmark = pytest.mark.django_db
POLICY = "/.well-known/mta-sts.txt"
PUBLIC = "203.0.113.9"


@pytest.fixture(autouse=True)
def _public_panel(settings):
    settings.MAILADMIN = replace(
        settings.MAILADMIN, url="https://panel.operator.example", hostname="mail.operator.example"
    )
    settings.ALLOWED_HOSTS = ["panel.operator.example"]
    make_domain()
    make_domain("other.example")
    mta_sts.change_mode(superadmin_act(), "acme.example", "testing")


def get(host, path=POLICY, secure=True, method="GET", **headers):
    return Client(raise_request_exception=False).generic(
        method, path, secure=secure, HTTP_HOST=host, REMOTE_ADDR=PUBLIC, **headers
    )


@pytest.mark.parametrize(
    "host",
    ["mta-sts.acme.example", "MTA-STS.acme.example", "mta-sts.acme.example.", "mta-sts.acme.example:443"],
)
def test_the_policy_is_served_at_the_policy_host(host):
    answer = get(host)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert parse_policy(answer.content.decode()).mx == ("mail.operator.example",)
    assert "Set-Cookie" not in answer
    assert get(host, method="HEAD").status_code == 200
    assert get(host, method="POST").status_code == 405


@pytest.mark.parametrize(
    "host",
    [
        "mta-sts.other.example",
        "mta-sts.unknown.example",
        "acme.example",
        "mta-sts.acme.example.evil.example",
        "evil.example",
        "mta-sts.acme.example@evil.example",
        "mta-sts.acme.example/x",
        "mta-sts.acme.example\0",
        "mta-sts..acme.example",
        "mta-sts.acme.example:99999999",
        "mta-sts." + "a" * 5000,
        "",
    ],
)
def test_no_other_host_is_served(host):
    answer = get(host)
    assert answer.status_code in (400, 404)
    assert b"STSv1" not in answer.content


def test_the_panels_own_host_has_no_policy():
    assert get("panel.operator.example").status_code == 404


@pytest.mark.parametrize("path", ["/", "/sign-in", "/api/v1/domains", "/.well-known/mta-sts.txt/"])
def test_the_policy_host_serves_nothing_of_the_panel(path):
    answer = get("mta-sts.acme.example", path)
    assert answer.status_code in (400, 404)
    assert b"<form" not in answer.content


def test_a_forwarded_host_chooses_nothing():
    answer = get("panel.operator.example", HTTP_X_FORWARDED_HOST="mta-sts.acme.example")
    assert answer.status_code == 404


def test_plain_http_is_led_to_the_panel_and_never_to_the_host_asked_for():
    answer = get("mta-sts.acme.example", secure=False)
    assert answer.status_code in (302, 307)
    assert answer["Location"] == f"https://panel.operator.example{POLICY}"


# ---- Mail programs ----------------------------------------------------------------------------------------------

OUTLOOK = "/autodiscover/autodiscover.xml"
JSON = "/autodiscover/autodiscover.json"
THUNDERBIRD = "/mail/config-v1.1.xml"
WELL_KNOWN = "/.well-known/autoconfig/mail/config-v1.1.xml"
APPLE = "/mail/profile.mobileconfig"
PANEL = "panel.operator.example"


def post(host, address, path=OUTLOOK, secure=True):
    return Client(raise_request_exception=False).generic(
        "POST", path, REQUEST.format(address=address), "text/xml", secure=secure, HTTP_HOST=host, REMOTE_ADDR=PUBLIC
    )


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("autoconfig.acme.example", f"{THUNDERBIRD}?emailaddress=alice@acme.example"),
        ("autoconfig.acme.example", f"{THUNDERBIRD}?emailaddress=alice%40acme.example"),
        ("autoconfig.acme.example", THUNDERBIRD),
        ("autoconfig.acme.example", WELL_KNOWN),
        ("acme.example", WELL_KNOWN),
        (PANEL, f"{THUNDERBIRD}?emailaddress=alice@acme.example"),
        (PANEL, f"{WELL_KNOWN}?emailaddress=alice@acme.example"),
    ],
)
def test_thunderbird_is_told_the_servers(host, path):
    answer = get(host, path)
    assert answer.status_code == 200, answer.content
    assert b"<hostname>mail.operator.example</hostname>" in answer.content
    assert b'<emailProvider id="acme.example">' in answer.content
    assert b"alice" not in answer.content


@pytest.mark.parametrize("path", [OUTLOOK, "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"])
@pytest.mark.parametrize("host", ["autodiscover.acme.example", "acme.example", PANEL])
def test_outlook_is_told_the_servers(host, path):
    answer = post(host, "alice@acme.example", path)
    assert answer.status_code == 200, answer.content
    assert b"<LoginName>alice@acme.example</LoginName>" in answer.content
    assert get(host, path).status_code == 405


@pytest.mark.parametrize("host", ["autodiscover.acme.example", "acme.example", PANEL])
@pytest.mark.parametrize(
    "path", [f"{JSON}?Email=alice@acme.example&Protocol=Autodiscoverv1",
             f"{JSON}/v1.0/alice@acme.example?Protocol=AutodiscoverV1&RedirectCount=1"],
)  # fmt: skip
def test_outlook_is_led_to_the_panels_own_host(host, path):
    assert get(host, path).json() == {"Protocol": "AutodiscoverV1", "Url": f"https://{PANEL}{OUTLOOK}"}
    assert get(host, path.replace("utodiscoverv1", "ctiveSync").replace("utodiscoverV1", "x")).status_code == 400


@pytest.mark.parametrize("host", ["autoconfig.acme.example", PANEL])
def test_apple_is_given_a_profile(host):
    answer = get(host, f"{APPLE}?emailaddress=alice@acme.example")
    assert answer["Content-Type"] == "application/x-apple-aspen-config"
    assert b"alice@acme.example" in answer.content


ROUTES = [
    ("autoconfig.{}", "GET", THUNDERBIRD), ("{}", "GET", WELL_KNOWN), ("autodiscover.{}", "POST", OUTLOOK),
    ("{}", "POST", OUTLOOK), ("autodiscover.{}", "GET", JSON), ("autoconfig.{}", "GET", APPLE),
]  # fmt: skip


@pytest.mark.parametrize(("host", "method", "path"), ROUTES)
@pytest.mark.parametrize(
    "name", ["unknown.example", "acme.example.evil.example", "mta-sts.acme.example", "x.acme.example"]
)
def test_no_other_domain_is_served(host, method, path, name):
    answer = get(host.format(name), path, method=method)
    assert answer.status_code in (400, 404)
    assert b"mail.operator.example" not in answer.content


@pytest.mark.parametrize(
    "address", ["alice@unknown.example", "alice@panel.operator.example", "alice", "", "a@b@acme.example"]
)
def test_the_panels_host_serves_addresses_of_ours_only(address):
    for path in (THUNDERBIRD, WELL_KNOWN, APPLE):
        assert get(PANEL, f"{path}?emailaddress={address}").status_code in (400, 404), path
    assert get(PANEL, f"{JSON}?Protocol=autodiscoverv1&Email={address}").status_code in (400, 404)
    assert post(PANEL, address).status_code in (400, 404)


def test_a_panel_at_a_domain_of_ours_needs_no_address(settings):
    settings.ALLOWED_HOSTS = ["acme.example"]
    assert b'<emailProvider id="acme.example">' in get("acme.example", WELL_KNOWN).content


def test_no_answer_tells_whether_a_mailbox_exists():
    make_account("alice@acme.example")

    def answers(name):
        rows = [
            get("autoconfig.acme.example", f"{THUNDERBIRD}?emailaddress={name}@acme.example"),
            post("autodiscover.acme.example", f"{name}@acme.example"),
            get(PANEL, f"{JSON}?Protocol=autodiscoverv1&Email={name}@acme.example"),
        ]
        return [(row.status_code, row.content.replace(name.encode(), b"")) for row in rows]

    assert answers("alice") == answers("nobody")


def test_a_suspended_domain_is_not_set_up():
    provision.change_domain(superadmin_act(), "acme.example", "suspended")
    assert get("autoconfig.acme.example", THUNDERBIRD).status_code in (400, 404)
    assert post(PANEL, "alice@acme.example").status_code == 404


@pytest.mark.parametrize("size", [17_000, 5_000_000])
def test_a_huge_request_is_refused(size):
    answer = Client().generic("POST", OUTLOOK, b"<" + b"x" * size, "text/xml", secure=True, HTTP_HOST=PANEL)
    assert answer.status_code == 400


def test_plain_http_leads_programs_to_the_panel_which_answers():
    asked = f"{THUNDERBIRD}?emailaddress=alice@acme.example"
    answer = get("autoconfig.acme.example", asked, secure=False)
    assert (answer.status_code, answer["Location"]) == (302, f"https://{PANEL}{asked}")
    assert get(PANEL, answer["Location"].removeprefix(f"https://{PANEL}")).status_code == 200
    answer = get("autodiscover.acme.example", OUTLOOK, secure=False)  # Outlook's last resort asks by GET for a 302
    assert (answer.status_code, answer["Location"]) == (302, f"https://{PANEL}{OUTLOOK}")
    assert post("autodiscover.acme.example", "alice@acme.example", secure=False).status_code == 307


CHALLENGE = "/.well-known/acme-challenge/"


@pytest.mark.parametrize("host", ["mail.operator.example", "autoconfig.acme.example", "AUTOCONFIG.acme.example:80"])
def test_an_authoritys_question_is_answered_over_plain_http_at_its_name_only(host):
    responder, token = HttpResponder(), "t" * 24
    responder.present(host.lower().partition(":")[0], token, "content")
    answer = get(host, CHALLENGE + token, secure=False)
    assert (answer.status_code, answer.content) == (200, b"content")
    assert "Set-Cookie" not in answer
    assert get("other.operator.example", CHALLENGE + token, secure=False).status_code == 404
    assert get(host, CHALLENGE + token, secure=False, method="POST").status_code == 405
    responder.withdraw()
    assert get(host, CHALLENGE + token, secure=False).status_code == 404


@pytest.mark.parametrize("path", ["", "x", "../setup", "%00" * 20, "t" * 200, "é" * 20, "' OR 1=1 --------------"])
def test_nothing_else_is_below_the_path_of_challenges(path):
    assert get("mail.operator.example", CHALLENGE + path, secure=False).status_code == 404
    assert get("\0", CHALLENGE + path, secure=False).status_code == 404


def test_the_owner_of_an_address_in_an_alias_domain_is_told_to_sign_in_with_the_targets():
    kinds.add_domain(superadmin_act(), "alias.example", kinds.Purpose("alias", "acme.example"))
    for host, query in (("autoconfig.alias.example", ""), (PANEL, "?emailaddress=bo@alias.example")):
        page = get(host, THUNDERBIRD + query).content.decode()
        assert "<username>%EMAILLOCALPART%@acme.example</username>" in page
        assert "<domain>alias.example</domain>" in page
    page = get("autoconfig.alias.example", f"{APPLE}?emailaddress=bo@alias.example").content
    assert b"<string>bo@acme.example</string>" in page
    assert b"<string>bo@alias.example</string>" in page
    page = post("autodiscover.alias.example", "bo@alias.example").content.decode()
    assert "<LoginName>bo@acme.example</LoginName>" in page


def test_nothing_is_served_for_a_parked_domain():
    kinds.add_domain(superadmin_act(), "parked.example", kinds.Purpose("parked"))
    assert get("autoconfig.parked.example", THUNDERBIRD).status_code == 400
    assert get(PANEL, f"{THUNDERBIRD}?emailaddress=x@parked.example").status_code == 404
    assert get("mta-sts.parked.example").status_code == 400
