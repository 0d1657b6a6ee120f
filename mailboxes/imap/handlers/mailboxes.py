"""SELECT, EXAMINE, UNSELECT, CLOSE, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, LIST, LSUB and STATUS."""

from collections.abc import Iterable, Sequence

from mailboxes.imap import responses
from mailboxes.imap.commands import Command, ListQuery, OnMailbox, Rename, Select, Status
from mailboxes.imap.framing import AFTER_LOGIN
from mailboxes.imap.grammar import SPECIAL_USES
from mailboxes.imap.handlers import resyncing
from mailboxes.imap.handlers.context import Context, Done, store_of, view_of
from mailboxes.imap.patterns import Pattern
from mailboxes.imap.port import Folder
from mailboxes.imap.scanner import SYSTEM_FLAGS
from mailboxes.imap.view import View


async def select(context: Context, command: Command) -> Done:
    """SELECT."""
    return await _open(context, command, read_only=False)


async def examine(context: Context, command: Command) -> Done:
    """EXAMINE."""
    return await _open(context, command, read_only=True)


async def _open(context: Context, command: Command, read_only: bool) -> Done:
    assert isinstance(command, Select)
    session = context.session
    if command.resync is not None:
        resyncing.demand_enabled(context)
    if session.view is not None:
        session.unselect()
        await context.send(responses.untagged_state("OK", "Previous mailbox closed", "CLOSED"))
    snapshot = await store_of(context).snapshot(command.mailbox)
    folder = snapshot.folder
    view = View(folder.id, folder.name, snapshot.runs, folder.highest_modseq, read_only)
    if command.condstore:
        session.enabled.add("CONDSTORE")
    flags = sorted(SYSTEM_FLAGS.values()) + sorted(flag for flag in snapshot.flags if not flag.startswith("\\"))
    permanent = [] if read_only else [*flags, "\\*"]
    lines = [
        responses.untagged(b"FLAGS", responses.flags(flags)),
        responses.untagged(b"%d EXISTS" % len(view.uids)),
        responses.untagged(b"0 RECENT"),
        _permanent_flags(permanent),
        responses.untagged_state("OK", "UIDs valid", f"UIDVALIDITY {folder.uid_validity}"),
        responses.untagged_state("OK", "Predicted next UID", f"UIDNEXT {folder.uid_next}"),
        responses.highest_modseq(folder.highest_modseq),
    ]
    unseen = view.uids.sequence_of(snapshot.first_unseen) if snapshot.first_unseen is not None else None
    if unseen is not None:
        lines.append(responses.untagged_state("OK", "First unseen", f"UNSEEN {unseen}"))
    await context.send(b"".join(lines))
    session.select(view)
    if command.resync is not None and command.resync.uid_validity == folder.uid_validity:
        await resyncing.tell_missed(context, view, command.resync)
    return Done("Mailbox open", code="READ-ONLY" if read_only else "READ-WRITE")


def _permanent_flags(flags: Sequence[str]) -> bytes:
    listed = responses.flags(flags).decode("ascii")
    return responses.untagged_state("OK", "Flags permitted", f"PERMANENTFLAGS {listed}")


async def unselect(context: Context, command: Command) -> Done:
    """UNSELECT (RFC 3691)."""
    context.session.unselect()
    return Done("UNSELECT completed")


async def close(context: Context, command: Command) -> Done:
    """CLOSE: expunge silently, then unselect."""
    view = view_of(context)
    if not view.read_only:
        await store_of(context).expunge(view.mailbox_id, None)
    context.session.unselect()
    return Done("CLOSE completed")


async def create(context: Context, command: Command) -> Done:
    """CREATE."""
    assert isinstance(command, OnMailbox)
    special_use = SPECIAL_USES.get(command.special_use, command.special_use)
    await store_of(context).create(command.mailbox, special_use)
    return Done("CREATE completed")


async def delete(context: Context, command: Command) -> Done:
    """DELETE."""
    assert isinstance(command, OnMailbox)
    await store_of(context).delete(command.mailbox)
    view = context.session.view
    if view is not None and view.name == command.mailbox:
        context.session.unselect()
        await context.send(responses.untagged_state("OK", "The mailbox is gone", "CLOSED"))
    return Done("DELETE completed")


async def rename(context: Context, command: Command) -> Done:
    """RENAME."""
    assert isinstance(command, Rename)
    await store_of(context).rename(command.mailbox, command.new_name)
    return Done("RENAME completed")


async def subscribe(context: Context, command: Command) -> Done:
    """SUBSCRIBE."""
    assert isinstance(command, OnMailbox)
    await store_of(context).subscribe(command.mailbox, subscribed=True)
    return Done("SUBSCRIBE completed")


async def unsubscribe(context: Context, command: Command) -> Done:
    """UNSUBSCRIBE."""
    assert isinstance(command, OnMailbox)
    await store_of(context).subscribe(command.mailbox, subscribed=False)
    return Done("UNSUBSCRIBE completed")


async def status(context: Context, command: Command) -> Done:
    """STATUS."""
    assert isinstance(command, Status)
    folder = await store_of(context).folder(command.mailbox, _counts_deleted(command.items))
    _note_condstore(context, command.items)
    await context.send(_status(folder, command.items))
    return Done("STATUS completed")


def _counts_deleted(items: Iterable[str]) -> bool:
    return not {"DELETED", "DELETED-STORAGE"}.isdisjoint(items)


def _note_condstore(context: Context, items: Iterable[str]) -> None:
    if "HIGHESTMODSEQ" in items:
        context.session.enabled.add("CONDSTORE")


def _status(folder: Folder, items: Iterable[str]) -> bytes:
    values = {
        "MESSAGES": folder.messages,
        "RECENT": 0,
        "UIDNEXT": folder.uid_next,
        "UIDVALIDITY": folder.uid_validity,
        "UNSEEN": folder.unseen,
        "DELETED": folder.deleted,
        "DELETED-STORAGE": folder.deleted_size,
        "SIZE": folder.size,
        "HIGHESTMODSEQ": folder.highest_modseq,
        "APPENDLIMIT": AFTER_LOGIN.append,
    }
    words = responses.parenthesised(f"{item} {values[item]}" for item in items)
    return responses.untagged(b"STATUS", responses.mailbox(folder.name), words)


async def list_mailboxes(context: Context, command: Command) -> Done:
    """LIST, plain and extended; special uses are always told (RFC 6154 §2)."""
    assert isinstance(command, ListQuery)
    if not command.extended and command.patterns[0] == "":
        await context.send(responses.untagged(b"LIST", b'(\\Noselect) "/" ""'))
        return Done("LIST completed")
    folders = await store_of(context).folders(count_deleted=_counts_deleted(command.status))
    _note_condstore(context, command.status)
    parents = _parents(folders)
    chosen, above = _matching(folders, command)
    lines: list[bytes] = []
    for folder in folders:
        if folder.name not in chosen | above:
            continue
        attributes = _attributes(folder, parents, "SUBSCRIBED" in command.select | command.returns)
        words = [b"LIST", attributes, b'"/"', responses.mailbox(folder.name)]
        lines.append(responses.untagged(*words, *([_child_info(command)] if folder.name in above else [])))
        if command.status:
            lines.append(_status(folder, command.status))
    await context.send(b"".join(lines))
    return Done("LIST completed")


def _parents(folders: Sequence[Folder]) -> set[str]:
    return {folder.name.rpartition("/")[0] for folder in folders}


def _matching(folders: Sequence[Folder], command: ListQuery) -> tuple[set[str], set[str]]:
    """Return the names that patterns and selection options choose, and the named ones above such a choice.

    The second set is empty without RECURSIVEMATCH; a choice that a pattern names tells for itself (RFC 5258 §3.5).
    """
    patterns = [Pattern(command.reference + pattern) for pattern in command.patterns]
    named = {folder.name for folder in folders if any(pattern.matches(folder.name) for pattern in patterns)}
    chosen = {
        folder.name
        for folder in folders
        if (folder.subscribed or "SUBSCRIBED" not in command.select)
        and (folder.special_use or "SPECIAL-USE" not in command.select)
    }
    above: set[str] = set()
    for name in chosen - named if "RECURSIVEMATCH" in command.select else ():
        levels = name.split("/")
        above.update("/".join(levels[:depth]) for depth in range(1, len(levels)))
    return chosen & named, above & named


def _child_info(command: ListQuery) -> bytes:
    """``"(" DQUOTE "CHILDINFO" DQUOTE SP "(" … ")" ")"``."""
    options = sorted(command.select & {"SUBSCRIBED", "SPECIAL-USE"})
    return b'("CHILDINFO" %b)' % responses.parenthesised(f'"{option}"' for option in options)


def _attributes(folder: Folder, parents: set[str], tell_subscribed: bool) -> bytes:
    words = ["\\HasChildren" if folder.name in parents else "\\HasNoChildren"]
    if tell_subscribed and folder.subscribed:
        words.append("\\Subscribed")
    if folder.special_use:
        words.append(f"\\{folder.special_use}")
    return responses.parenthesised(words)


async def list_subscribed(context: Context, command: Command) -> Done:
    """LSUB: with ``%`` a level that only has subscribed ones below it is told as \\Noselect (RFC 3501 §6.3.9)."""
    assert isinstance(command, ListQuery)
    pattern = Pattern(command.reference + command.patterns[0])
    subscribed = [folder.name for folder in await store_of(context).folders() if folder.subscribed]
    found = {name: b"()" for name in subscribed if pattern.matches(name)}
    for name in subscribed if pattern.text.endswith("%") else ():
        levels = name.split("/")
        for depth in range(1, len(levels)):
            above = "/".join(levels[:depth])
            if pattern.matches(above):
                found.setdefault(above, b"(\\Noselect)")
    lines = [
        responses.untagged(b"LSUB", words, b'"/"', responses.mailbox(name)) for name, words in sorted(found.items())
    ]
    await context.send(b"".join(lines))
    return Done("LSUB completed")
