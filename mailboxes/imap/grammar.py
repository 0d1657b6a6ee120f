"""The grammar of commands (RFC 9051 §9): one function per command reads the arguments behind its name."""

from collections.abc import Callable

from mailboxes.imap import commands as c
from mailboxes.imap import items, queries
from mailboxes.imap.numset import STAR, NumberSet
from mailboxes.imap.scanner import FLAGS_AT_ONCE, Scanner, SyntaxFault, unique

STATUS_ITEMS = frozenset(
    {
        "MESSAGES",
        "RECENT",
        "UIDNEXT",
        "UIDVALIDITY",
        "UNSEEN",
        "DELETED",
        "DELETED-STORAGE",
        "SIZE",
        "HIGHESTMODSEQ",
        "APPENDLIMIT",
        "MAILBOXID",
    }
)
SPECIAL_USES = {f"\\{name.upper()}": name for name in ("Drafts", "Sent", "Junk", "Trash", "Archive")}

APPEND_MESSAGES = 1_000

Reader = Callable[[Scanner], c.Command]


def plain(scanner: Scanner) -> c.Command:
    """Nothing."""
    return c.Plain()


def login(scanner: Scanner) -> c.Command:
    """``SP userid SP password``."""
    scanner.space()
    username = scanner.text_astring()
    scanner.space()
    return c.Login(username, scanner.text_astring())


def authenticate(scanner: Scanner) -> c.Command:
    """``SP auth-type [SP initial-resp]`` (RFC 4959)."""
    scanner.space()
    mechanism = scanner.atom()
    initial = None
    if scanner.accept(b" "):
        initial = scanner.text[scanner.position :]
        scanner.position = len(scanner.text)
    return c.Authenticate(mechanism, initial)


def enable(scanner: Scanner) -> c.Command:
    """``1*(SP capability)``."""
    names: list[str] = []
    while not scanner.at_end() and len(names) < 100:
        scanner.space()
        names.append(scanner.atom())
    if not names:
        raise SyntaxFault("Expected a capability")
    return c.Enable(names)


def identify(scanner: Scanner) -> c.Command:
    """``SP id-params-list`` (RFC 2971)."""
    scanner.space()
    if not scanner.accept(b"NIL"):
        scanner.parenthesised(scanner.nstring, empty=True)
    return c.Identify()


def select(scanner: Scanner) -> c.Command:
    """``SP mailbox [SP "(" select-param … ")"]`` (RFC 4466, RFC 7162)."""
    scanner.space()
    mailbox = scanner.mailbox()
    parameters: dict[str, c.Resync | None] = {}
    if scanner.accept(b" "):
        parameters = dict(scanner.parenthesised(lambda: _select_parameter(scanner)))
    return c.Select(mailbox, bool(parameters), parameters.get("QRESYNC"))


def _select_parameter(scanner: Scanner) -> tuple[str, c.Resync | None]:
    """``"CONDSTORE" / "QRESYNC" SP "(" uidvalidity SP mod-sequence [SP known-uids] [SP seq-match-data] ")"``."""
    name = scanner.atom()
    if name == "CONDSTORE":
        return name, None
    if name != "QRESYNC":
        raise SyntaxFault("Only CONDSTORE and QRESYNC may stand here")
    scanner.expect(b" (")
    uid_validity = scanner.number()
    scanner.space()
    modseq, known, with_numbers = scanner.number(), None, False
    while scanner.accept(b" "):
        if scanner.accept(b"("):  # which numbers the client knows: not needed, every expunged UID is remembered
            _known(scanner)
            scanner.space()
            _known(scanner)
            scanner.expect(b")")
            with_numbers = True
            break
        known = _known(scanner)
    scanner.expect(b")")
    return name, c.Resync(uid_validity, modseq, known, with_numbers)


def _known(scanner: Scanner) -> NumberSet:
    """``known-uids = sequence-set``, without ``*``."""
    found = scanner.numbers()
    if found.saved or any(STAR in pair for pair in found.ranges):
        raise SyntaxFault("What is known has no '*' and no '$'")
    return found


def on_mailbox(scanner: Scanner) -> c.Command:
    """``SP mailbox``."""
    scanner.space()
    return c.OnMailbox(scanner.mailbox())


def create(scanner: Scanner) -> c.Command:
    """``SP mailbox [SP "(USE (" use-attr "))"]`` (RFC 6154 §5.2)."""
    scanner.space()
    mailbox = scanner.mailbox()
    special_use = ""
    if scanner.accept(b" "):
        scanner.expect(b"(USE ")
        uses = scanner.parenthesised(lambda: use_attribute(scanner), empty=True)
        scanner.expect(b")")
        special_use = "|".join(uses)
    return c.OnMailbox(mailbox, special_use)


def use_attribute(scanner: Scanner) -> str:
    """``use-attr = "\\" atom``, in upper case."""
    scanner.expect(b"\\")
    return "\\" + scanner.atom()


def rename(scanner: Scanner) -> c.Command:
    """``SP mailbox SP mailbox``."""
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    return c.Rename(mailbox, scanner.mailbox())


def list_plain(scanner: Scanner) -> c.Command:
    """LSUB: ``SP mailbox SP list-mailbox``."""
    scanner.space()
    reference = scanner.reference()
    scanner.space()
    return c.ListQuery(reference, (scanner.list_mailbox(),))


def list_extended(scanner: Scanner) -> c.Command:
    """``[SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]`` (RFC 5258)."""
    scanner.space()
    select_options: frozenset[str] = frozenset()
    extended = scanner.peek() == b"("
    if extended:
        select_options = frozenset(scanner.parenthesised(scanner.atom, empty=True))
        if select_options - {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"}:
            raise SyntaxFault("A selection option is not known")
        if "RECURSIVEMATCH" in select_options and not select_options & {"SUBSCRIBED", "SPECIAL-USE"}:
            raise SyntaxFault("RECURSIVEMATCH stands beside SUBSCRIBED or SPECIAL-USE")
        scanner.space()
    reference = scanner.reference()
    scanner.space()
    several = scanner.peek() == b"("
    patterns = scanner.parenthesised(scanner.list_mailbox) if several else [scanner.list_mailbox()]
    returns: list[tuple[str, tuple[str, ...]]] = []
    if scanner.accept(b" RETURN "):
        extended = True
        returns = scanner.parenthesised(lambda: _return_option(scanner), empty=True)
    status = next((items for name, items in returns if name == "STATUS"), ())
    names = frozenset(name for name, _ in returns)
    return c.ListQuery(reference, tuple(patterns[:50]), select_options, names, status, extended or several)


def _return_option(scanner: Scanner) -> tuple[str, tuple[str, ...]]:
    """``"SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / "STATUS" SP "(" … ")"``."""
    name = scanner.atom()
    if name == "STATUS":
        scanner.space()
        return name, status_items(scanner)
    if name not in ("SUBSCRIBED", "CHILDREN", "SPECIAL-USE"):
        raise SyntaxFault("A return option is not known")
    return name, ()


def status_items(scanner: Scanner) -> tuple[str, ...]:
    """``"(" status-att *(SP status-att) ")"``."""
    items = tuple(dict.fromkeys(scanner.parenthesised(scanner.atom)))
    if set(items) - STATUS_ITEMS:
        raise SyntaxFault("A status item is not known")
    return items


def status(scanner: Scanner) -> c.Command:
    """``SP mailbox SP "(" … ")"``."""
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    return c.Status(mailbox, status_items(scanner))


def compress(scanner: Scanner) -> c.Command:
    """``SP algorithm`` (RFC 4978)."""
    scanner.space()
    return c.Compress(scanner.atom())


def get_quota(scanner: Scanner) -> c.Command:
    """``SP quota-root-name`` (RFC 9208 §4.1.1)."""
    scanner.space()
    return c.GetQuota(scanner.text_astring())


def append(scanner: Scanner) -> c.Command:
    """``SP mailbox 1*(SP append-message)`` (RFC 3502)."""
    scanner.space()
    mailbox = scanner.mailbox()
    messages: list[c.AppendMessage] = []
    while not messages or not scanner.at_end():
        if len(messages) >= APPEND_MESSAGES:
            raise SyntaxFault("There are too many messages at once")
        messages.append(_append_message(scanner))
    return c.Append(mailbox, messages)


def _append_message(scanner: Scanner) -> c.AppendMessage:
    """``SP [flag-list SP] [date-time SP] literal``."""
    scanner.space()
    flags: tuple[str, ...] = ()
    if scanner.peek() == b"(":
        flags = scanner.flag_list()
        scanner.space()
    internal_date = None
    if scanner.peek() == b'"':
        internal_date = scanner.date_time()
        scanner.space()
    scanner.accept(b"~")  # literal8 (RFC 3516 §4.4)
    return c.AppendMessage(flags, internal_date, scanner.literal())


def replace(by_uid: bool) -> Reader:
    """REPLACE: ``SP seq-number SP mailbox append-message`` (RFC 8508)."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        number = scanner.numbers()
        if number.saved or len(number.ranges) != 1 or number.ranges[0][0] != number.ranges[0][1]:
            raise SyntaxFault("One message can be replaced at a time")
        scanner.space()
        mailbox = scanner.mailbox()
        return c.Replace(number, by_uid, mailbox, _append_message(scanner))

    return read


def numbers(scanner: Scanner) -> c.Command:
    """``SP sequence-set``."""
    scanner.space()
    return c.Numbers(scanner.numbers())


def transfer(by_uid: bool) -> Reader:
    """COPY, MOVE: ``SP sequence-set SP mailbox``."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        found = scanner.numbers()
        scanner.space()
        return c.Transfer(found, scanner.mailbox(), by_uid)

    return read


def search(by_uid: bool) -> Reader:
    """SEARCH: see ``queries.search``."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        return queries.search(scanner, by_uid)

    return read


def sort(by_uid: bool) -> Reader:
    """SORT: see ``queries.sort``."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        return queries.sort(scanner, by_uid)

    return read


def thread(by_uid: bool) -> Reader:
    """THREAD: see ``queries.thread``."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        return queries.thread(scanner, by_uid)

    return read


def fetch(by_uid: bool) -> Reader:
    """FETCH: ``SP sequence-set SP items [SP "(" fetch-modifier *(SP fetch-modifier) ")"]`` (RFC 4466)."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        found = scanner.numbers()
        scanner.space()
        wanted = items.fetch_items(scanner)
        modifiers: dict[str, tuple[int, int]] = {}
        if scanner.accept(b" "):
            modifiers = dict(scanner.parenthesised(lambda: _fetch_modifier(scanner, by_uid)))
        since, vanished = modifiers.get("CHANGEDSINCE"), "VANISHED" in modifiers
        if vanished and since is None:
            raise SyntaxFault("VANISHED stands beside CHANGEDSINCE")
        return c.Fetch(found, wanted, by_uid, since[0] if since else None, vanished, modifiers.get("PARTIAL"))

    return read


def _fetch_modifier(scanner: Scanner, by_uid: bool) -> tuple[str, tuple[int, int]]:
    """``"CHANGEDSINCE" SP number``, of UIDs ``"VANISHED"`` and ``"PARTIAL" SP partial-range`` (RFC 7162, 9394)."""
    name = scanner.atom()
    if name == "CHANGEDSINCE":
        scanner.space()
        return name, (scanner.number(), 0)
    if name == "VANISHED" and by_uid:
        return name, (0, 0)
    if name == "PARTIAL" and by_uid:
        scanner.space()
        return name, queries.partial_range(scanner)
    raise SyntaxFault("A modifier of FETCH is not known here")


def store(by_uid: bool) -> Reader:
    """STORE: ``SP sequence-set [SP "(UNCHANGEDSINCE" SP number ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP flags``."""

    def read(scanner: Scanner) -> c.Command:
        scanner.space()
        found = scanner.numbers()
        scanner.space()
        unchanged_since = None
        if scanner.accept(b"(UNCHANGEDSINCE "):
            unchanged_since = scanner.number()
            scanner.expect(b") ")
        mode = next(
            mode for mode in (c.StoreMode.ADD, c.StoreMode.REMOVE, c.StoreMode.SET) if scanner.accept(mode.encode())
        )
        scanner.expect(b"FLAGS")
        silent = scanner.accept(b".SILENT")
        scanner.space()
        return c.Store(found, mode, _flags(scanner), silent, by_uid, unchanged_since)

    return read


def _flags(scanner: Scanner) -> tuple[str, ...]:
    """``flag-list / (flag *(SP flag))``."""
    if scanner.peek() == b"(":
        return scanner.flag_list()
    flags = [scanner.flag()]
    while len(flags) < FLAGS_AT_ONCE and scanner.accept(b" "):
        flags.append(scanner.flag())
    return unique(flags)
