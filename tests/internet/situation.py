"""One situation: who calls, what is said and sent, and what must come of it, with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.internet.signing import Signature, sign_plainly

CLIENT = "192.0.2.10"  # good.example's own server
FORWARDER = "198.51.100.20"  # a server that passes mail on
STRANGER = "203.0.113.66"  # nobody's
DATE = "Wed, 25 Nov 2026 09:00:00 +0000"

Zone = dict[tuple[str, str], list[str]]


@dataclass(frozen=True)
class Mail:
    """A message: its From as written, further fields, body, and what signs it, the last one topmost.

    ``fields`` replaces the usual To, Subject, Date and Message-ID fields; ``change`` is done to the octets after they
    were signed.
    """

    author: str | None = "Bob <bob@good.example>"
    signed: Sequence[Signature] = ()
    extra: Sequence[str] = ()
    body: bytes = b"Hello Alice.\r\n"
    fields: Sequence[str] | None = None
    change: Callable[[bytes], bytes] = bytes

    def octets(self) -> bytes:
        """Return the message as the client sends it, before dots are doubled."""
        usual = ["To: alice@acme.example", "Subject: Hello", f"Date: {DATE}", "Message-ID: <1@good.example>"]
        lines = [f"From: {self.author}"] if self.author is not None else []
        lines += [*(usual if self.fields is None else self.fields), *self.extra]
        octets = b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in lines) + b"\r\n" + self.body
        for signature in self.signed:
            octets = sign_plainly(octets, signature) + octets
        return self.change(octets)


@dataclass(frozen=True)
class Situation:
    """``expected`` holds the outcome of each stage named, such as ``spf=pass dmarc=fail``; ``row`` the deciding row.

    ``reply`` is how the final reply begins; ``folder`` where the message then lies, empty for nowhere.
    """

    name: str
    why: str
    expected: str = ""
    row: str = ""
    reply: str = "250 2.0.0"
    folder: str = "INBOX"
    mail: Mail = field(default_factory=Mail)
    mail_from: str = "bob@good.example"
    client: str = CLIENT
    helo: str = "mail.good.example"
    recipients: Sequence[str] = ("alice@acme.example",)
    parameters: str = ""
    tries: int = 1
