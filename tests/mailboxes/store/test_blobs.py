"""Message bytes: where they lie, reuse, the collector, and deaths at the fail points."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as orm

from domains.database import database
from mailboxes.mime.structure import describe
from mailboxes.models import Account, Blob, Mailbox, Message
from mailboxes.store.append import Inserted, NoSuchMailbox, OverQuota, insert_message
from mailboxes.store.blobs import BlobMissing, blob_folder, collect_blobs, read_blob, read_file, store_blob

SMALL = b"Subject: small\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"x" * 100_000


def files() -> set[Path]:
    return {path for path in blob_folder().rglob("*") if path.is_file()}


def run(work: Callable[[], Any]) -> Any:
    """Run async store code in a loop of its own, from a synchronous test."""

    async def closed() -> Any:
        from domains.database import close_pool

        try:
            return await work()
        finally:
            await close_pool()

    return asyncio.run(closed())


async def insert(account: Account, octets: bytes, mailbox: int | str = "INBOX") -> Inserted:
    async with database() as connection, connection.transaction():
        return await insert_message(
            connection, account.pk, mailbox, octets, describe(octets), ["\\Seen"], datetime.now(UTC)
        )


async def test_small_ones_lie_in_the_row_and_large_ones_in_a_file(account: Account) -> None:
    before = files()
    async with database() as connection:
        small = await store_blob(connection, account.pk, SMALL)
        large = await store_blob(connection, account.pk, LARGE)
        assert await read_blob(connection, small) == SMALL
        assert await read_blob(connection, large) == LARGE
        with pytest.raises(BlobMissing):
            await read_blob(connection, 2**40)
    new = files() - before
    assert [path.read_bytes() for path in new] == [LARGE]
    assert {path.stat().st_mode & 0o777 for path in new} == {0o600}


def test_of_a_large_one_a_header_can_be_read_alone() -> None:
    path = blob_folder() / "00" / "header-alone"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(LARGE)
    assert read_file("00/header-alone", 18) == LARGE[:18]
    assert read_file("00/header-alone") == LARGE


async def test_reuse_stays_inside_one_account(account: Account) -> None:
    async with database() as connection:
        first = await store_blob(connection, account.pk, SMALL)
        assert await store_blob(connection, account.pk, SMALL) == first
        assert await store_blob(connection, None, SMALL) != first


async def test_an_insert_moves_every_counter(account: Account) -> None:
    one = await insert(account, SMALL)
    two = await insert(account, SMALL, one.mailbox_id)
    assert (one.uid, two.uid, two.modseq - one.modseq) == (1, 2, 1)
    async with database() as connection:
        row = await (
            await connection.execute(
                "SELECT a.used_bytes, a.messages_count, b.size_bytes, b.messages_count, b.unseen_count, b.uid_next"
                " FROM mailboxes_account a JOIN mailboxes_mailbox b ON b.account_id = a.id WHERE b.name = 'INBOX'"
            )
        ).fetchone()
    assert row == (2 * len(SMALL), 2, 2 * len(SMALL), 2, 0, 3)


async def test_a_full_account_or_a_missing_folder_takes_nothing(account: Account) -> None:
    async with database() as connection:
        await connection.execute("UPDATE mailboxes_account SET quota_bytes = %s", (len(SMALL) - 1,))
    with pytest.raises(OverQuota):
        await insert(account, SMALL)
    async with database() as connection:
        await connection.execute("UPDATE mailboxes_account SET quota_bytes = %s", (len(SMALL),))
    with pytest.raises(NoSuchMailbox):
        await insert(account, SMALL, "Nowhere")
    await insert(account, SMALL)
    with pytest.raises(OverQuota):
        await insert(account, SMALL)


def test_the_collector_takes_what_nothing_refers_to_past_its_age(account: Account) -> None:
    before = files()

    async def work() -> None:
        await insert(account, LARGE)
        async with database() as connection:
            await store_blob(connection, None, LARGE + b"unreferenced")

    run(work)
    orphan = blob_folder() / "ab" / "abcdef"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"left by a crash")
    assert collect_blobs() == 0, "all of it is young"
    long_ago = time.time() - 2 * 24 * 3600
    for path in files():
        os.utime(path, (long_ago, long_ago))
    with orm.cursor() as cursor:
        cursor.execute("UPDATE mailboxes_blob SET created_at = now() - interval '2 days'")
    collect_blobs()
    kept = files()
    assert [path.read_bytes() for path in kept - before] == [LARGE]
    assert not orphan.exists()
    assert Blob.objects.count() == 1


CRASH = """
import asyncio, sys, django
django.setup()
from mailboxes.models import Account
from tests.mailboxes.store.test_blobs import LARGE, insert
account = Account.objects.get(pk=int(sys.argv[1]))
asyncio.run(insert(account, LARGE))
print("kept", flush=True)
"""


@pytest.mark.parametrize("point", ["blob.written", "blob.renamed", "append.inserted", ""])
def test_a_death_leaves_all_or_nothing(account: Account, point: str, data_folder: Path) -> None:
    settings = orm.settings_dict
    host, port = settings["HOST"] or "127.0.0.1", settings["PORT"] or ""
    at = f"@{host}:{port}/{settings['NAME']}" if not host.startswith("/") else f"@/{settings['NAME']}?host={host}"
    environment = os.environ | {
        "MAILADMIN_TEST_BUILD": "1",
        "MAILADMIN_FAIL_POINTS": point,
        "DATABASE_URL": f"postgresql://{settings['USER']}:{settings['PASSWORD'] or ''}{at}",
        "DJANGO_SETTINGS_MODULE": "mailadmin.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(account.pk)], env=environment, capture_output=True, timeout=60, check=False
    )
    box = Mailbox.objects.get(account=account, name="INBOX")
    account.refresh_from_db()
    count = Message.objects.count()
    assert (done.returncode, b"kept" in done.stdout) == ((-9, False) if point else (0, True)), done.stderr
    assert box.messages_count == account.messages_count == count == Blob.objects.count() == int(not point)
    assert account.used_bytes == box.size_bytes == count * len(LARGE)
