"""A domain that is being deleted is absent at every door of mail, and is there again once restored."""

import pytest
from asgiref.sync import sync_to_async

from domains.database import database
from domains.services.autoconfig import serves
from domains.services.mta_sts import change_mode, policy_text_at
from domains.services.removal import delete_domain, restore_domain
from mailboxes.delivery.resolve import Found, resolve_recipient
from mailboxes.models import Account
from mailboxes.outbound.enqueue import OWN_DOMAINS
from mailboxes.services.authenticate import Authenticated, authenticate, check_actor, is_still_valid
from mailboxes.submission.authorise import load_senders
from tests.antispam.test_inbound import _pool, begin, mx  # noqa: F401
from tests.factories import PASSWORD, make_account, make_alias, make_domain, superadmin_act

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("dns_settings")]
ALICE = "alice@acme.example"


@pytest.fixture(autouse=True)
def world():
    """Alice of acme.example, to whom an alias of other.example leads."""
    make_account(ALICE)
    make_domain("other.example")
    make_alias("info@other.example", [ALICE])
    change_mode(superadmin_act(), "acme.example", "testing")


def _delete():
    delete_domain(superadmin_act(), "acme.example", cascade=True)


def _restore():
    restore_domain(superadmin_act(), "acme.example")


async def signs_in():
    answer = await authenticate("imap", "192.0.2.1", ALICE, PASSWORD)
    return isinstance(answer, Authenticated)


async def doors():
    """What each door says of the domain."""
    account = await Account.objects.aget()
    async with mx() as client:
        rcpt = await begin(client, ALICE)
    panel = await sync_to_async(check_actor)("panel", "192.0.2.1", ALICE, PASSWORD)
    return {
        "mx": rcpt[:3],
        "signs in": await signs_in(),
        "stays": await is_still_valid(account.pk, 1),
        "panel": panel.actor is not None,
        "sends": bool((await load_senders(account.pk)).active_domains & {"acme.example"}),
        "autoconfig": await sync_to_async(serves)("acme.example"),
        "mta-sts": await sync_to_async(policy_text_at)("mta-sts.acme.example") is not None,
    }


async def test_absent_at_every_door_and_there_again_once_restored():
    open_doors = await doors()
    assert open_doors == dict.fromkeys(open_doors, True) | {"mx": "250"}
    await sync_to_async(_delete)()
    assert await doors() == dict.fromkeys(open_doors, False) | {"mx": "550"}
    await sync_to_async(_restore)()
    assert await doors() == open_doors


async def test_the_reply_is_that_of_a_domain_that_is_not_ours():
    await sync_to_async(_delete)()
    async with mx() as client:
        deleted = await begin(client, ALICE)
    async with mx() as client:
        foreign = await begin(client, "alice@nobody.example")
    assert deleted.replace("acme", "nobody") == foreign


async def test_mail_of_others_for_it_goes_out_by_its_mx():
    await sync_to_async(_delete)()
    found = await resolve_recipient("info@other.example")
    assert (found.found, [target.forward_to for target in found.targets]) == (Found.LOCAL, [ALICE])
    async with database() as connection:
        cursor = await connection.execute(OWN_DOMAINS, (["acme.example", "other.example"],))
        assert [row[0] for row in await cursor.fetchall()] == ["other.example"]
