"""The bytes of messages: small ones in the row, large ones in files under ``<data>/blobs``. Never parsed here.

A file is written under a random name, synced, renamed, its folder synced, all before its row: a crash leaves an
orphan file, never a row without bytes. Inside one account the same bytes are kept once; the reused row is locked
against the collector until the caller's transaction ends. The collector removes what nothing refers to past a safety
age.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection as orm_connection
from django.db import transaction
from psycopg import AsyncConnection

from domains.failpoints import fail_point
from domains.octets import Octets, chunks_of, map_file, whole
from mailboxes.pop3.lines import line_octets

ROW_OCTETS = 64 * 1024
MAPPED_OCTETS = 1024 * 1024
SAFETY_SECONDS = 24 * 3600
COLLECTED_AT_ONCE = 500

_REUSE = "SELECT id FROM mailboxes_blob WHERE account_id = %s AND sha256 = %s AND size = %s LIMIT 1 FOR KEY SHARE"
_INSERT = """
INSERT INTO mailboxes_blob (account_id, sha256, size, data, path, line_octets) VALUES (%s, %s, %s, %s, %s, %s)
RETURNING id
"""
_READ = "SELECT data, path FROM mailboxes_blob WHERE id = %s"
_UNREFERENCED = """
NOT EXISTS (SELECT 1 FROM mailboxes_message m WHERE m.blob_id = b.id)
AND NOT EXISTS (SELECT 1 FROM mailboxes_queueentry q WHERE q.blob_id = b.id)
"""
_LOCK_OLD = f"""
SELECT b.id FROM mailboxes_blob b
WHERE b.created_at < now() - make_interval(secs => %s) AND {_UNREFERENCED}
ORDER BY b.id LIMIT %s FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - constants only
_DELETE_LOCKED = f"DELETE FROM mailboxes_blob b WHERE b.id = ANY(%s) AND {_UNREFERENCED} RETURNING b.path"  # noqa: S608
_KNOWN_PATHS = "SELECT path FROM mailboxes_blob WHERE path = ANY(%s)"


class BlobMissing(LookupError):
    """There is no such blob, or its file is gone."""


def blob_folder() -> Path:
    """Return the folder of large messages."""
    return Path(settings.MAILADMIN.data) / "blobs"


async def store_blob(connection: AsyncConnection[Any], account_id: int | None, octets: Octets) -> int:
    """Return the id of a blob with these bytes, inside the caller's transaction; raises OSError when a disk fails."""
    large = len(octets) > ROW_OCTETS
    digest, lines = await asyncio.to_thread(_measure, octets) if large else _measure(octets)
    if account_id is not None:
        found = await (await connection.execute(_REUSE, (account_id, digest, len(octets)))).fetchone()
        if found is not None:
            return int(found[0])
    path = await asyncio.to_thread(_write, octets) if large else None
    row = (account_id, digest, len(octets), whole(octets) if path is None else None, path, lines)
    inserted = await (await connection.execute(_INSERT, row)).fetchone()
    assert inserted is not None
    return int(inserted[0])


async def read_blob(connection: AsyncConnection[Any], blob_id: int) -> Octets:
    """Return a blob's octets, those of a file above ``MAPPED_OCTETS`` mapped; raises BlobMissing."""
    row = await (await connection.execute(_READ, (blob_id,))).fetchone()
    if row is None:
        raise BlobMissing(f"blob {blob_id}")
    if row[0] is not None:
        return bytes(row[0])
    return await asyncio.to_thread(_open_file, str(row[1]))


def _open_file(path: str) -> Octets:
    try:
        with (blob_folder() / path).open("rb") as file:
            return map_file(file.fileno()) if os.fstat(file.fileno()).st_size > MAPPED_OCTETS else file.read()
    except FileNotFoundError:
        raise BlobMissing(path) from None


def read_file(path: str, octets: int = -1) -> bytes:
    """Return a large message's bytes, at most the first ``octets`` of them; raises BlobMissing."""
    try:
        with (blob_folder() / path).open("rb") as file:
            return file.read(octets)
    except FileNotFoundError:
        raise BlobMissing(path) from None


def _measure(octets: Octets) -> tuple[bytes, int | None]:
    """Return the digest, and the size as lines where that is another."""
    hasher = sha256()
    for chunk in chunks_of(octets):
        hasher.update(chunk)
    lines = line_octets(octets)
    return hasher.digest(), lines if lines != len(octets) else None


def _write(octets: Octets) -> str:
    """Write a new file durably and return its path below the blob folder."""
    name = secrets.token_hex(20)
    folder = blob_folder() / name[:2]
    _make_folder(folder)
    temporary = folder / f".{name}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks_of(octets):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        fail_point("blob.written")
        temporary.rename(folder / name)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)
    fail_point("blob.renamed")
    return f"{name[:2]}/{name}"


def _make_folder(folder: Path) -> None:
    """Make the folder durably, its parents too."""
    missing = [place for place in (folder.parent.parent, folder.parent, folder) if not place.is_dir()]
    for place in missing:
        place.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def collect_blobs(safety_seconds: float = SAFETY_SECONDS) -> int:
    """Remove unreferenced rows with their files, then files without a row; return how many of both."""
    removed = 0
    while batch := _collect_rows(safety_seconds):
        removed += batch
    return removed + sum(_remove_orphans(files) for files in _old_files(safety_seconds))


def _collect_rows(safety_seconds: float) -> int:
    """Lock a batch, look again with a fresh snapshot, delete; files go after the commit."""
    with transaction.atomic(), orm_connection.cursor() as cursor:
        cursor.execute(_LOCK_OLD, [safety_seconds, COLLECTED_AT_ONCE])
        locked = [row[0] for row in cursor.fetchall()]
        if not locked:
            return 0
        cursor.execute(_DELETE_LOCKED, [locked])
        paths = [row[0] for row in cursor.fetchall()]
    for path in paths:
        if path is not None:
            (blob_folder() / path).unlink(missing_ok=True)
    return len(paths)


def _old_files(safety_seconds: float) -> Iterator[list[Path]]:
    """Yield the files past the safety age, a folder at a time; half-written ones too."""
    before = time.time() - safety_seconds
    for folder in sorted(blob_folder().glob("[0-9a-f][0-9a-f]")):
        with os.scandir(folder) as entries:
            old = [Path(entry.path) for entry in entries if entry.is_file() and entry.stat().st_mtime < before]
        if old:
            yield old


def _remove_orphans(files: list[Path]) -> int:
    """Remove those files that no row names; return how many."""
    names = {f"{file.parent.name}/{file.name}": file for file in files}
    with orm_connection.cursor() as cursor:
        cursor.execute(_KNOWN_PATHS, [list(names)])
        known = {row[0] for row in cursor.fetchall()}
    orphans = [file for name, file in names.items() if name not in known]
    for file in orphans:
        file.unlink(missing_ok=True)
    return len(orphans)
