"""The delivery in one statement leaves exactly what the general road leaves, and nothing when it cannot deliver."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domains.database import database
from domains.models import Trace
from domains.trace import MessageTrace
from mailboxes.delivery import deliver as delivery
from mailboxes.delivery.deliver import deliver
from mailboxes.delivery.request import DeliveryRequest, NotAll, RecipientStatus, Target
from mailboxes.models import Account, Mailbox, Message

CONTENT = b"From: carol@far.example\r\nSubject: One\r\nMessage-ID: <1@far.example>\r\n\r\nHello.\r\n"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make_request(account: Account, folder: str = "INBOX", **fields: Any) -> DeliveryRequest:
    trace = MessageTrace(
        "in", mail_from="carol@far.example", recipients=[account.address], client_address="192.0.2.1"
    )
    trace.domains.add(account.domain.name)
    trace.add("rcpt", "accepted")
    target = Target(account.address, account.address, account_id=account.pk, folder=folder)
    return DeliveryRequest("carol@far.example", [target], CONTENT, AT, trace, all_or_nothing=True, **fields)


async def rows(statement: str) -> list[Any]:
    async with database() as connection:
        return await (await connection.execute(statement)).fetchall()


async def left_by(request: DeliveryRequest) -> list[Any]:
    """Return the newest message, its folder and account, and its trace without ids and times."""
    await deliver(request)
    message = await rows(
        "SELECT m.size, m.header_octets, m.envelope, m.body, m.body_structure, m.internal_date, b.data, f.name, "
        "m.uid - f.uid_next, m.modseq - f.highest_modseq, a.used_bytes / a.messages_count "
        "FROM mailboxes_message m JOIN mailboxes_blob b ON b.id = m.blob_id "
        "JOIN mailboxes_mailbox f ON f.id = m.mailbox_id JOIN mailboxes_account a ON a.id = f.account_id "
        "ORDER BY m.id DESC LIMIT 1"
    )
    trace = await rows(
        "SELECT direction, mail_from, recipients, domains, outcome, client_address, "
        "(SELECT jsonb_agg(e #- '{at}' #- '{detail,uid}') FROM jsonb_array_elements(pending_events) e), "
        f"pending_events -> -1 -> 'detail' ->> 'uid' FROM domains_trace WHERE id = '{request.trace.id}'"
    )
    return [message, trace]


@pytest.mark.parametrize("folder", ["INBOX", "Junk", "No such folder"])
async def test_both_roads_leave_the_same(account: Account, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "is_usual", lambda *_: False)
    general = await left_by(make_request(account, folder))
    monkeypatch.undo()
    single = await left_by(make_request(account, folder))
    assert (general[1][0][-1], single[1][0][-1]) == ("1", "2")
    assert single[0] == general[0]
    assert [row[:-1] for row in single[1]] == [row[:-1] for row in general[1]]


@pytest.mark.parametrize(
    ("change", "status"),
    [({"quota_bytes": 10}, RecipientStatus.OVER_QUOTA), ({"enabled": False}, RecipientStatus.UNKNOWN)],
)
async def test_what_cannot_be_delivered_leaves_nothing(
    account: Account, change: dict[str, Any], status: RecipientStatus
) -> None:
    await Account.objects.filter(pk=account.pk).aupdate(**change)
    with pytest.raises(NotAll) as caught:
        await deliver(make_request(account))
    assert caught.value.outcome.status is status
    assert await Message.objects.acount() == 0
    assert await Trace.objects.acount() == 0
    inbox = await Mailbox.objects.aget(account=account, name="INBOX")
    assert (inbox.uid_next, inbox.messages_count) == (1, 0)
