"""SMTP replies as values (RFC 5321 section 4.2, RFC 3463)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: ``code`` 200–599, ``enhanced`` such as ``5.1.1`` or empty, public ``text`` (may hold line feeds).

    ``cause`` is private: it goes to the log and the trace, never on the wire. ``close`` ends the session after it.
    """

    code: int
    enhanced: str
    text: str
    cause: str = ""
    close: bool = False

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599:
            raise ValueError(f"reply code {self.code} is not between 200 and 599")
        if self.enhanced and self.enhanced[0] != str(self.code)[0]:
            raise ValueError(f"enhanced code {self.enhanced} does not agree with {self.code}")

    @property
    def positive(self) -> bool:
        """True for 2xx and 3xx."""
        return self.code < 400

    @property
    def permanent(self) -> bool:
        """True for 5xx."""
        return self.code >= 500

    def as_text(self) -> str:
        """Return the reply as one text without line ends, as aiosmtpd and traces take it."""
        words = [str(self.code), self.enhanced, " ".join(self.text.split())]
        return " ".join(word for word in words if word)


def serialise_reply(reply: Reply) -> bytes:
    """Return the wire octets: one line per line of the text, the enhanced code on each (RFC 2034 §4)."""
    prefix = f" {reply.enhanced} " if reply.enhanced else " "
    texts = [_printable(text) for text in reply.text.split("\n") if text.strip()] or [""]
    lines = [f"{reply.code}-{prefix[1:]}{text}" for text in texts[:-1]]
    lines.append(f"{reply.code}{prefix}{texts[-1]}".rstrip())
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _printable(text: str) -> str:
    """Return the text as printable ASCII of at most 480 characters: what a peer wrote may stand in it."""
    if text.isascii() and text.isprintable() and len(text) <= 480:
        return text
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in text.strip()[:480])
