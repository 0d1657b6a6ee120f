"""A disk that takes no more, met while a large message is spooled: it is read to its end and refused for now."""

import tempfile
from pathlib import Path

import pytest

from mailboxes.smtp.server import SmtpService
from mailboxes.smtp.spool import SPOOL_OCTETS
from tests.mailboxes.smtp_peer import Recorder, connected, event_loop_policy  # noqa: F401

LINE = b"x" * 76 + b"\r\n"
LARGE = b"Subject: x\r\n\r\n" + LINE * (2 * SPOOL_OCTETS // len(LINE))
FULL = "452 4.3.1 There is no room for the message at the moment; try again later"
ROADS = ["DATA", "BDAT"]


class FullFile:
    """A file on a disk that is full: what is buffered fails when it is written out, at the latest at the end."""

    def __init__(self, fails_at: str) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._fails_at = fails_at

    def __getattr__(self, name: str):
        if name in (self._fails_at, "close"):
            raise OSError(28, "No space left on device")
        return getattr(self._file, name)


async def say_all(client, road: str, message: bytes) -> str:
    assert (await client.say("MAIL FROM:<a@x.example>")).startswith("250")
    assert (await client.say("RCPT TO:<b@y.example>")).startswith("250")
    if road == "BDAT":
        client.writer.write(b"BDAT %d\r\n" % len(message) + message)
        assert (await client.reply()).startswith("250")
        return await client.say("BDAT 0 LAST")
    await client.say("DATA")
    client.writer.write(message)
    return await client.say(".")


@pytest.mark.parametrize("road", ROADS)
async def test_without_a_spool_folder_large_mail_waits_and_small_mail_goes_on(
    road: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handler = Recorder()
    async with connected(SmtpService("mx", "mx.example", handler)) as client:
        await client.hello()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        assert await say_all(client, road, LARGE) == FULL
        assert "gone" in caplog.text
        assert (await say_all(client, road, b"Subject: small\r\n\r\n")).startswith("250")
        (tmp_path / "gone").mkdir()
        assert (await say_all(client, road, LARGE)).startswith("250")
    assert [len(message) for message in handler.messages] == [18, len(LARGE)]
    assert [reply.code for _, reply in handler.refusals] == [452]


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("fails_at", ["write", "seek"])
async def test_a_disk_that_fills_up_refuses_for_now(
    road: str, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = Recorder()
    async with connected(SmtpService("mx", "mx.example", handler)) as client:
        await client.hello()
        monkeypatch.setattr("mailboxes.smtp.spool.SpooledTemporaryFile", lambda **_: FullFile(fails_at))
        assert await say_all(client, road, LARGE) == FULL
        monkeypatch.undo()
        assert (await say_all(client, road, LARGE)).startswith("250")
    assert len(handler.messages) == 1
