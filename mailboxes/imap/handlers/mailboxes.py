"""SELECT, EXAMINE, UNSELECT, CLOSE, CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE."""

import unicodedata
from collections.abc import Sequence

from mailboxes.imap import responses
from mailboxes.imap.commands import Command, OnMailbox, Rename, Select
from mailboxes.imap.grammar import SPECIAL_USES
from mailboxes.imap.handlers import resyncing
from mailboxes.imap.handlers.context import Context, Done, store_of, view_of, wire_name
from mailboxes.imap.port import Snapshot, StoreRefusal
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
    lines = _opened(context, snapshot, view)
    await context.send(b"".join(lines))
    session.select(view)
    if command.resync is not None and command.resync.uid_validity == folder.uid_validity:
        await resyncing.tell_missed(context, view, command.resync)
    return Done("Mailbox open", code="READ-ONLY" if read_only else "READ-WRITE")


def _opened(context: Context, snapshot: Snapshot, view: View) -> list[bytes]:
    """Return what SELECT tells; IMAP4rev2 has LIST where IMAP4rev1 has RECENT and UNSEEN (RFC 9051 §6.3.2)."""
    folder, rev2 = snapshot.folder, context.session.rev2
    flags = sorted(SYSTEM_FLAGS.values()) + sorted(flag for flag in snapshot.flags if not flag.startswith("\\"))
    lines = [
        responses.untagged(b"FLAGS", responses.flags(flags)),
        responses.untagged(b"%d EXISTS" % len(view.uids)),
        responses.untagged(b"LIST", b'() "/"', wire_name(context, folder.name)) if rev2 else b"* 0 RECENT\r\n",
        _permanent_flags([] if view.read_only else [*flags, "\\*"]),
        responses.untagged_state("OK", "Lasts as long as the mailbox", f"MAILBOXID (F{folder.id})"),
        responses.untagged_state("OK", "UIDs valid", f"UIDVALIDITY {folder.uid_validity}"),
        responses.untagged_state("OK", "Predicted next UID", f"UIDNEXT {folder.uid_next}"),
        responses.highest_modseq(folder.highest_modseq),
    ]
    unseen = view.uids.sequence_of(snapshot.first_unseen) if snapshot.first_unseen is not None else None
    if unseen is not None and not (rev2 or context.session.uid_only):
        lines.append(responses.untagged_state("OK", "First unseen", f"UNSEEN {unseen}"))
    return lines


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
    _refuse_denormal(command.mailbox)
    special_use = SPECIAL_USES.get(command.special_use, command.special_use)
    made = await store_of(context).create(command.mailbox, special_use)
    return Done("CREATE completed", code=f"MAILBOXID (F{made})")


def _refuse_denormal(name: str) -> None:
    """Raise StoreRefusal for a name that is not Net-Unicode: two that look alike would be two (RFC 9051 §5.1)."""
    if not unicodedata.is_normalized("NFC", name):
        raise StoreRefusal("The mailbox name is not in Unicode's composed form (NFC)", "CANNOT")


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
    _refuse_denormal(command.new_name)
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
