"""App passwords at the door of POP3: their protocol counts, and a revoked one ends the session."""

from pathlib import Path

from mailboxes.models import Account, Message
from mailboxes.pop3.connection import Pop3Limits
from mailboxes.services.app_passwords import revoke_app_password
from tests.factories import make_app_password, owner_act
from tests.mailboxes.imap.service import ADDRESS, Service
from tests.mailboxes.pop3.service import FIRST, asked, connected, fill, running_service, until_closed


def test_one_for_imap_alone_does_not_fetch(account: Account, service: Service) -> None:
    _row, other = make_app_password(account, protocols=["imap"])
    _row, ours = make_app_password(account, "Old phone", protocols=["pop3"])
    with connected(service) as client:
        asked(client, f"USER {ADDRESS}".encode())
        assert asked(client, f"PASS {other}".encode()).startswith(b"-ERR [AUTH] ")
        asked(client, f"USER {ADDRESS}".encode())
        assert asked(client, f"PASS {ours}".encode()) == b"+OK 0 messages\r\n"


def test_a_revoked_one_deletes_nothing_any_more(account: Account, tmp_path: Path) -> None:
    fill(account, FIRST)
    row, text = make_app_password(account, protocols=["pop3"])
    with running_service(tmp_path, Pop3Limits(valid_seconds=0.0)) as service, connected(service) as client:
        asked(client, f"USER {ADDRESS}".encode())
        assert asked(client, f"PASS {text}".encode()) == b"+OK 1 messages\r\n"
        assert asked(client, b"DELE 1").startswith(b"+OK")
        revoke_app_password(owner_act(account), account.address, row.pk)
        client.sendall(b"QUIT\r\n")
        assert until_closed(client).startswith(b"-ERR [AUTH] ")
    assert Message.objects.count() == 1
