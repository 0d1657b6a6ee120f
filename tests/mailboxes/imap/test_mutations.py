"""Commands with octets changed, lost, doubled and moved are read or refused, and nothing else happens."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mailboxes.imap.dispatch import TABLE
from mailboxes.imap.framing import AFTER_LOGIN, Complete, Framer
from mailboxes.imap.queries import BadCharset
from mailboxes.imap.scanner import Scanner, SyntaxFault
from mailboxes.imap.uidonly import uses_numbers

COMMANDS = (
    b"SELECT INBOX (QRESYNC (1 2 3:4 (5 6)) CONDSTORE)",
    b"UID FETCH 1:* (FLAGS PREVIEW (LAZY) BODY.PEEK[1.2.HEADER.FIELDS (A B)]<0.9>)"
    b" (CHANGEDSINCE 1 VANISHED PARTIAL -1:-9)",
    b'GETQUOTA ""',
    b"GETQUOTAROOT INBOX",
    b"COMPRESS DEFLATE",
    b'APPEND INBOX (\\Seen) " 1-Jan-2024 00:00:00 +0000" {1+}\r\nx ~{1+}\r\ny',
    b"UID REPLACE 4 Drafts (\\Seen) {1+}\r\nx",
    b'SORT RETURN (MIN MAX ALL COUNT SAVE) (REVERSE DATE SUBJECT DISPLAYFROM) UTF-8 OR $ 1:2 NOT TEXT "x"',
    b"UID THREAD REFERENCES UTF-8 (SEEN EMAILID M1) UID $",
    b"UID SEARCH RETURN (PARTIAL 1:2 SAVE) CHARSET UTF-8 SENTSINCE 1-Jan-2024 MODSEQ 9",
    b'LIST (SUBSCRIBED RECURSIVEMATCH) "" ("a" b%) RETURN (CHILDREN STATUS (MAILBOXID DELETED-STORAGE))',
    b'STATUS "\xc3\xbc" (MESSAGES)',
    b"STORE $ (UNCHANGEDSINCE 9) +FLAGS.SILENT ($a \\Seen)",
)
ODD = st.sampled_from(
    [b"", b" ", b"(", b")", b"$", b"*", b"-", b"0", b"99999999999999999999", b'"', b"\\", b"{", b"\xff", b"NIL"]
)


@settings(max_examples=1_500, deadline=None)
@given(st.sampled_from(COMMANDS), st.integers(0, 200), st.integers(0, 6), ODD, st.booleans())
def test_a_changed_command_is_read_or_refused(command: bytes, at: int, lost: int, put: bytes, utf8: bool) -> None:
    octets = b"a " + command[:at] + put + command[at + lost :] + b"\r\n"
    framer = Framer(bytearray(octets), AFTER_LOGIN)
    while (event := framer.next_event()) is not None:
        if not isinstance(event, Complete):
            continue
        scanner = Scanner(event.text, event.literals, utf8)
        try:
            scanner.expect(b"A ")
            name = scanner.atom()
            if name == "UID":
                scanner.space()
                name = f"UID {scanner.atom()}"
            if name in TABLE:
                read = TABLE[name].read(scanner)
                scanner.end()
                uses_numbers(name, read)
        except (SyntaxFault, BadCharset):
            pass
    framer.close()


def test_every_command_is_read_unchanged() -> None:
    for command in COMMANDS:
        event = Framer(bytearray(b"a " + command + b"\r\n"), AFTER_LOGIN).next_event()
        assert isinstance(event, Complete)
        scanner = Scanner(event.text[2:], event.literals)
        name = scanner.atom()
        if name == "UID":
            scanner.space()
            name = f"UID {scanner.atom()}"
        TABLE[name].read(scanner)
        scanner.end()
