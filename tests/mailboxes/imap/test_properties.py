"""Properties: what is written is read back the same; a client that applies what it is told knows what is there."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from mailboxes.imap import commands as c
from mailboxes.imap import items, responses
from mailboxes.imap.framing import Complete, Framer
from mailboxes.imap.numset import ranges_of, serialise_in_order, serialise_ranges
from mailboxes.imap.port import Changes, FlagState
from mailboxes.imap.scanner import Scanner, SyntaxFault, mailbox_name
from mailboxes.imap.view import View
from mailboxes.mime.structure import string


def scanned(octets: bytes) -> Scanner:
    """Return a scanner over the octets as they would come out of framing, literals taken out."""
    framer = Framer(bytearray(b"a X " + octets.replace(b"}\r\n", b"+}\r\n", 1) + b"\r\n"))
    event = framer.next_event()
    assert isinstance(event, Complete)
    scanner = Scanner(event.text, event.literals)
    scanner.position = len(b"a X ")
    return scanner


@given(st.binary(max_size=80).map(lambda octets: octets.replace(b"\0", b"")))
def test_strings(octets: bytes) -> None:
    scanner = scanned(string(octets)) if string(octets).startswith(b"{") else Scanner(string(octets))
    assert scanner.string() == octets
    assert scanner.at_end()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_mailbox_names(name: str) -> None:
    try:
        known = mailbox_name(name.encode())
    except SyntaxFault:
        return
    if "&" in name:  # on the wire an ampersand is a shift
        return
    scanner = Scanner(responses.mailbox(known))
    assert scanner.mailbox() == known
    assert scanner.at_end()


@given(st.sets(st.integers(1, 2**32 - 1), max_size=50), st.permutations(range(1, 20)))
def test_number_sets(numbers: set[int], order: list[int]) -> None:
    ranges = ranges_of(numbers)
    if ranges:
        assert Scanner(serialise_ranges(ranges)).numbers().resolve(1) == ranges
    said = Scanner(serialise_in_order(order)).numbers().ranges
    assert [number for low, high in said for number in range(low, high + 1)] == order


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30)))
def test_dates(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert Scanner(responses.date_time(moment)).date_time() == moment


FIELD_NAMES = st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=3)
PATHS = st.lists(st.integers(1, 99), max_size=3).map(lambda path: ".".join(map(str, path)))


@given(PATHS, st.sampled_from(["", "HEADER", "TEXT", "MIME"]), st.sampled_from(["", "<0.5>"]))
def test_sections(path: str, text: str, partial: str) -> None:
    asked = f"BODY[{'.'.join(filter(None, (path, text)))}]{partial}"
    try:
        item = items.fetch_item(Scanner(asked.encode()))
    except SyntaxFault:
        assert text == "MIME"
        assert not path
        return
    assert isinstance(item, c.BodyItem)
    assert item.label.decode() == asked.replace(".5>", ">")


@given(FIELD_NAMES)
def test_whatever_field_names_are_asked_for_the_answer_can_be_read(names: list[bytes]) -> None:
    text, literals = b"BODY[HEADER.FIELDS (", []
    for name in names:
        framer = Framer(bytearray(b"a X {%d+}\r\n%b\r\n" % (len(name), name)))
        event = framer.next_event()
        assert isinstance(event, Complete)
        literals += event.literals
        text += b"{%d+}\r\n " % len(name)
    item = items.fetch_item(Scanner(text[:-1] + b")]", literals))
    assert isinstance(item, c.BodyItem)
    assert not set(item.label) & set(b"\r\n\0")
    again = items.fetch_item(Scanner(item.label))
    assert isinstance(again, c.BodyItem)
    assert len(again.section.names) == len(names)


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "flag", "look", "look without expunge"]), st.integers(0, 40)),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_a_client_that_applies_what_it_is_told_knows_what_is_there(steps: list[tuple[str, int]]) -> None:
    """The server's side is a dictionary; the client's is a list moved by EXPUNGE, EXISTS and FETCH alone."""
    there: dict[int, int] = {}  # UID → MODSEQ of its flags
    gone: dict[int, int] = {}
    modseq = next_uid = 1
    view = View(1, "INBOX", (), 1, read_only=False)
    known: list[int] = []  # the client's UIDs, asked for at every EXISTS

    def look(may_expunge: bool) -> None:
        since = view.known_modseq
        changed = [FlagState(uid, at, ()) for uid, at in sorted(there.items()) if at > since]
        news = view.apply(Changes(modseq, sorted(u for u, at in gone.items() if at > since), changed), may_expunge)
        assert may_expunge or not news.expunged
        for number in news.expunged:
            del known[number - 1]
        if news.exists is not None:
            assert news.exists > len(known)
            known.extend(view.uids.uid_of(number) for number in range(len(known) + 1, news.exists + 1))
        for number, state in news.flags:
            assert known[number - 1] == state.uid

    for step, which in [*steps, ("look", 0)]:
        if step.startswith("look"):
            look(step == "look")
            continue
        modseq += 1
        chosen = sorted(there)[which % len(there)] if there else None
        if step == "add":
            there[next_uid], next_uid = modseq, next_uid + 1
        elif chosen is not None and step == "remove":
            del there[chosen]
            gone[chosen] = modseq
        elif chosen is not None:
            there[chosen] = modseq
    assert known == sorted(there)
