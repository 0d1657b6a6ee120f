"""Signing by every active key, verified by the unchanged library with keys from a real DNS server."""

import dns.resolver
import pytest
from asgiref.sync import sync_to_async

from antispam.dkim.policy import DkimResult
from antispam.dkim.verify import verify_dkim
from domains.database import close_pool, database
from domains.dns.resolver import NetworkResolver
from domains.models import DkimKey, KeyState
from domains.services import keys
from domains.services.publication import desired_records, zone_text
from domains.services.signing import sign_message
from tests.factories import make_domain, make_message, superadmin_act, suspend

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def domain(dns_settings):
    """A domain whose records are published and keys active."""
    made = make_domain(active_keys=True)
    dns_settings.load_zone_text(zone_text(desired_records(made), made.name))
    return made


@pytest.fixture(autouse=True)
async def _pool():
    yield
    await close_pool()


async def signed(octets, name="acme.example"):
    async with database() as connection:
        return await sign_message(connection, name, octets)


def resolver_of(server):
    return NetworkResolver([(server.address, server.port)])


MESSAGES = [
    (make_message(), "plain"),
    (make_message(""), "an empty body"),
    (make_message("\r\n\r\n"), "empty lines only"),
    (make_message("a  b \t c \r\n\r\n\r\n"), "spaces and empty lines at the end"),
    (make_message("no line end"), "no line end"),
    (make_message("x" * 300_000 + "\r\n"), "300 kB, signed beside the loop"),
    (make_message(subject="a folded\r\n subject"), "folded"),
    (make_message(to="bob@other.example", cc="c@x.example", reply_to="r@x.example"), "more singletons"),
]


@pytest.mark.parametrize(("octets", "why"), MESSAGES, ids=[why for _, why in MESSAGES])
async def test_both_keys_sign_and_verify_through_the_dns(domain, dns_settings, octets, why):
    found = await signed(octets)
    assert len(found.selectors) == 2
    assert found.warning == ""
    results = await verify_dkim(found.header + octets, resolver_of(dns_settings))
    assert [row.result for row in results] == [DkimResult.PASS, DkimResult.PASS], results
    assert {row.algorithm for row in results} == {"rsa-sha256", "ed25519-sha256"}
    assert {row.domain for row in results} == {"acme.example"}


async def test_the_key_in_the_dns_is_the_key_that_signs(domain, dns_settings):
    asked = dns.resolver.Resolver(configure=False)
    asked.nameservers, asked.port = [dns_settings.address], dns_settings.port
    for key in [row async for row in DkimKey.objects.filter(domain=domain)]:
        answer = await sync_to_async(asked.resolve)(f"{key.selector}._domainkey.acme.example", "TXT")
        assert key.public_key in b"".join(answer[0].strings).decode()


CHANGES = [
    (lambda octets: octets.replace(b"Hello.", b"Bye."), "the body"),
    (lambda octets: octets.replace(b"Subject: Hello", b"Subject: Bye"), "the subject"),
    (lambda octets: b"From: eve@evil.example\r\n" + octets, "a second From"),
    (lambda octets: b"Subject: Bye\r\n" + octets, "a second Subject"),
    (lambda octets: b"Cc: eve@evil.example\r\n" + octets, "a Cc that was not there"),
    (lambda octets: b"Content-Type: text/html\r\n" + octets, "a Content-Type that was not there"),
    (lambda octets: octets + b"More.\r\n", "more body"),
]


@pytest.mark.parametrize(("change", "what"), CHANGES, ids=[what for _, what in CHANGES])
async def test_a_change_on_the_way_breaks_both_signatures(domain, dns_settings, change, what):
    octets = make_message()
    found = await signed(octets)
    results = await verify_dkim(found.header + change(octets), resolver_of(dns_settings))
    assert {row.result for row in results} == {DkimResult.FAIL}


async def test_without_an_active_key_mail_leaves_unsigned_with_a_warning(dns_settings):
    await sync_to_async(make_domain)()
    found = await signed(make_message())
    assert (found.header, found.selectors) == (b"", ())
    assert "unsigned" in found.warning


async def test_only_active_keys_of_an_active_domain_sign(domain):
    await DkimKey.objects.filter(domain=domain, algorithm="rsa2048").aupdate(state=KeyState.RETIRING)
    assert len((await signed(make_message())).selectors) == 1
    await sync_to_async(suspend)(domain)
    assert (await signed(make_message())).header == b""


async def test_a_deleted_key_stops_signing_at_once(domain):
    before = (await signed(make_message())).selectors
    await sync_to_async(keys.delete_key)(superadmin_act(), "acme.example", before[0])
    assert (await signed(make_message())).selectors == before[1:]


async def test_a_deleted_and_remade_selector_signs_with_the_new_key(domain, dns_settings):
    selector = (await signed(make_message())).selectors[0]
    algorithm = (await DkimKey.objects.aget(selector=selector)).algorithm
    await sync_to_async(keys.delete_key)(superadmin_act(), "acme.example", selector)
    await sync_to_async(keys.create_key)(superadmin_act(), "acme.example", algorithm, selector)
    await DkimKey.objects.filter(selector=selector).aupdate(state=KeyState.ACTIVE)
    await sync_to_async(
        lambda: dns_settings.load_zone_text(zone_text(desired_records(domain.__class__.objects.get()), domain.name))
    )()
    octets = make_message()
    found = await signed(octets)
    results = await verify_dkim(found.header + octets, resolver_of(dns_settings))
    assert [row.result for row in results] == [DkimResult.PASS, DkimResult.PASS]


async def test_a_key_copied_from_another_row_does_not_sign(domain):
    other = await sync_to_async(make_domain)("other.example", active_keys=True)
    stolen = await DkimKey.objects.filter(domain=domain).afirst()
    await DkimKey.objects.filter(domain=other).aupdate(private_key_sealed=stolen.private_key_sealed)
    found = await signed(make_message(), "other.example")
    assert found.header == b""
    assert "unsigned" in found.warning


async def test_a_message_without_from_leaves_unsigned(domain):
    found = await signed(b"Subject: x\r\n\r\nbody\r\n")
    assert found.header == b""
    assert found.warning
