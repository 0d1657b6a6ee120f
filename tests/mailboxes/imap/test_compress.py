"""COMPRESS=DEFLATE (RFC 4978): both directions packed behind the tagged answer, memory bounded whatever comes."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator

import pytest

from mailboxes.imap.compressed import PIECE_OCTETS, Deflate
from mailboxes.models import Account
from tests.mailboxes.imap.dialogue import Client, play


@pytest.fixture(autouse=True)
async def _clean() -> AsyncIterator[None]:
    yield
    from domains.database import close_pool
    from domains.redis import close_redis

    await close_redis()
    await close_pool()


class Packed:
    """A client that compresses."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        self.read = b""

    def send(self, octets: bytes) -> None:
        self.client.send(self.packer.compress(octets) + self.packer.flush(zlib.Z_SYNC_FLUSH))

    async def until(self, end: bytes) -> bytes:
        for _ in range(2_000):
            self.read += self.unpacker.decompress(bytes(self.client.transport.written))
            self.client.transport.written.clear()
            if end in self.read:
                taken, self.read = self.read, b""
                return taken
            await asyncio.sleep(0.005)
        raise AssertionError(f"waited for {end!r}, got {self.read[:500]!r}")


async def started(account: Account, chunk: int = 0) -> Packed:
    """Return a client whose connection is compressed."""
    client = Client(account.pk, chunk)
    await play(client, "S: * OK <*>\nC: a COMPRESS DEFLATE\nS: a OK DEFLATE active")
    return Packed(client)


@pytest.mark.parametrize("chunk", [0, 1, 7])
async def test_a_dialogue_goes_on_packed(account: Account, chunk: int) -> None:
    packed = await started(account, chunk)
    packed.send(b"b COMPRESS DEFLATE\r\nc APPEND INBOX {12}\r\n")
    assert b"b NO [COMPRESSIONACTIVE]" in await packed.until(b"+ ")
    packed.send(b"a: b\r\n\r\nbody\r\nd SELECT INBOX\r\ne FETCH 1 BODY[TEXT]\r\nf IDLE\r\n")
    assert b"BODY[TEXT] {4}\r\nbody" in await packed.until(b"+ idling")
    packed.send(b"DONE\r\ng LOGOUT\r\n")
    assert b"f OK IDLE" in await packed.until(b"g OK")
    await packed.client.close()


async def test_much_goes_both_ways(account: Account) -> None:
    octets = b"a: b\r\n\r\n" + random.Random(4978).randbytes(2_000_000).replace(b"\0", b"x")
    packed = await started(account)
    packed.send(b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
    await packed.until(b"b OK")
    packed.send(b"c SELECT INBOX\r\nd FETCH 1 BODY.PEEK[]\r\n")
    assert octets in await packed.until(b"\r\nd OK")
    await packed.client.close()


async def test_what_is_not_offered_is_refused(account: Account) -> None:
    client = Client(account.pk)
    await play(client, "S: * OK <*>\nC: a COMPRESS LZ77\nS: a NO [CANNOT] <*>\nC: b COMPRESS\nS: b BAD <*>")
    await client.close()
    client = Client()
    await play(client, "S: * OK <*>\nC: a COMPRESS DEFLATE\nS: a BAD The command is not allowed now")
    await client.close()


async def test_what_is_not_packed_ends_the_session(account: Account) -> None:
    packed = await started(account)
    packed.client.send(b"b NOOP\r\n" * 5)
    for _ in range(200):
        if packed.client.transport.closed:
            break
        await asyncio.sleep(0.01)
    assert packed.client.transport.closed
    await packed.client.close()


def test_what_unpacks_to_very_much_comes_in_pieces() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(b"\0" * 50_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
    deflate = Deflate(b"")
    assert deflate.feed(packed) < 60_000
    assert [len(deflate.unpack()) for _ in range(3)] == [PIECE_OCTETS] * 3


async def test_a_line_without_end_is_cut_off_packed_too(account: Account) -> None:
    packed = await started(account)
    packed.send(b"x" * 10_000_000)
    assert b"BYE The line has no end" in await packed.until(b"BYE")
    await packed.client.close()
