"""Commands on messages: FETCH, STORE, COPY, MOVE, EXPUNGE, APPEND and their UID forms."""

import asyncio
from collections.abc import Sequence

from mailboxes.imap import responses
from mailboxes.imap.commands import (
    Append,
    AppendMessage,
    BodyItem,
    Command,
    Fetch,
    Item,
    Numbers,
    Replace,
    Store,
    StoreMode,
    Transfer,
)
from mailboxes.imap.handlers import resyncing
from mailboxes.imap.handlers.context import Context, Done, store_of, view_of
from mailboxes.imap.numset import NumberSet, Ranges, intersect, part_of, serialise_in_order
from mailboxes.imap.port import NewMessage, Placed, Row, Stored, StoreRefusal
from mailboxes.imap.rendering import Rendering, fetch_response, flags_response, head, need_of, sets_seen
from mailboxes.imap.scanner import SyntaxFault
from mailboxes.imap.view import View

SLICE_OCTETS = 256 * 1024
READ_ONLY = Done("The mailbox is open read-only", "NO", "READ-ONLY")


def resolve(view: View, numbers: NumberSet, by_uid: bool) -> Ranges:
    """Return the messages meant, as UIDs; raises SyntaxFault when no sequence number of the set exists."""
    try:
        return view.resolve(numbers, by_uid)
    except ValueError as fault:
        raise SyntaxFault(str(fault)) from None


async def fetch(context: Context, command: Command) -> Done:
    """FETCH and UID FETCH; a message that is gone by now is passed over."""
    assert isinstance(command, Fetch)
    view, store = view_of(context), store_of(context)
    items = _completed(context, command)
    if command.vanished and command.changed_since is not None:
        await resyncing.tell_vanished(context, view, command.numbers, command.changed_since)
    uids = await _part(context, command, resolve(view, command.numbers, command.by_uid))
    newly_seen: frozenset[int] = frozenset()
    if uids and sets_seen(items) and not view.read_only:
        stored = await store.store_flags(view.mailbox_id, uids, StoreMode.ADD, ("\\Seen",))
        view.tell(state for state in stored.states if state.uid in stored.changed)
        newly_seen = stored.changed
    with_flags = _with_flags(context, items)
    if store.can_prepare(items):
        highest = await _send_prepared(context, uids, items, command.changed_since)
    else:
        highest = 0
        async for rows in store.fetch(view.mailbox_id, uids, need_of(items), command.changed_since):
            for row in rows:
                sequence = view.uids.sequence_of(row.uid)
                if sequence is not None:
                    await _send_row(context, sequence, row, with_flags if row.uid in newly_seen else items)
                    highest = max(highest, row.modseq)
    if context.session.qresync and Item.MODSEQ in with_flags and highest > view.all_told_modseq:
        await context.send(responses.highest_modseq(view.all_told_modseq))
    return Done("FETCH completed")


async def _send_prepared(
    context: Context, uids: Ranges, items: Sequence[Item | BodyItem], changed_since: int | None
) -> int:
    """Send what the store has ready; returns the highest MODSEQ among it, 0 when nothing was sent."""
    view, store = view_of(context), store_of(context)
    numbered = [(low, high, view.uids.sequence_of(low) or 0) for low, high in uids]
    uid_only, highest = context.session.uid_only, 0
    async for answers, modseq in store.fetch_prepared(view.mailbox_id, numbered, items, changed_since, uid_only):
        await context.send(answers)
        highest = max(highest, modseq)
    return highest


async def _part(context: Context, command: Fetch, uids: Ranges) -> Ranges:
    """Return the UIDs at the positions that PARTIAL names, of those changed if that is asked too (RFC 9394 §3.4)."""
    if command.partial is None:
        return uids
    if command.changed_since is not None:
        view = view_of(context)
        since = await store_of(context).since(view.mailbox_id, command.changed_since, view.known_modseq)
        uids = intersect(uids, since.changed)
    return part_of(uids, *command.partial)


async def _send_row(context: Context, sequence: int, row: Row, items: Sequence[Item | BodyItem]) -> None:
    """Send one FETCH response; a large message is read outside the event loop and goes out in slices."""
    rendering = Rendering(row)
    if not rendering.is_large:
        await context.send(fetch_response(sequence, row, items, context.session.uid_only))
        return
    await asyncio.to_thread(rendering.refuse_unknown, items)
    before = head(sequence, row.uid, context.session.uid_only)
    for item in items:
        name, octets = await asyncio.to_thread(rendering.pieces, item)
        await context.send(before + name)
        for start in range(0, len(octets), SLICE_OCTETS):
            await context.send(octets[start : start + SLICE_OCTETS])
        before = b" "
    await context.send(b")\r\n")


def _with_flags(context: Context, items: tuple[Item | BodyItem, ...]) -> tuple[Item | BodyItem, ...]:
    """Return the items with what tells of \\Seen being set; MODSEQ too for who knows it (RFC 7162 §3.1)."""
    told = (Item.FLAGS, Item.MODSEQ) if context.session.condstore else (Item.FLAGS,)
    return (*items, *(item for item in told if item not in items))


def _completed(context: Context, command: Fetch) -> tuple[Item | BodyItem, ...]:
    """Return the items with those that the command implies; MODSEQ turns CONDSTORE on (RFC 7162 §3.1)."""
    items = tuple(command.items)
    if command.by_uid and Item.UID not in items and not context.session.uid_only:
        items = (Item.UID, *items)
    if command.changed_since is not None and Item.MODSEQ not in items:
        items = (*items, Item.MODSEQ)
    if Item.MODSEQ in items:
        context.session.enabled.add("CONDSTORE")
    return items


async def store(context: Context, command: Command) -> Done:
    """STORE and UID STORE (RFC 7162 §3.1.3 for UNCHANGEDSINCE)."""
    assert isinstance(command, Store)
    view = view_of(context)
    if view.read_only:
        return READ_ONLY
    if command.unchanged_since is not None:
        context.session.enabled.add("CONDSTORE")
    uids = resolve(view, command.numbers, command.by_uid)
    if not uids:
        return Done("STORE completed")
    stored = await store_of(context).store_flags(
        view.mailbox_id, uids, command.mode, command.flags, command.unchanged_since
    )
    await _tell_stored(context, command, stored)
    if not stored.modified:
        return Done("STORE completed")
    kept = [uid if command.by_uid else view.uids.sequence_of(uid) or 0 for uid in stored.modified]
    return Done("Some messages changed meanwhile", code=f"MODIFIED {serialise_in_order(kept).decode()}")


async def _tell_stored(context: Context, command: Store, stored: Stored) -> None:
    """Send the new flags, unless silence was asked for; MODSEQ is told to who knows it all the same."""
    view, condstore = view_of(context), context.session.condstore
    modified = frozenset(stored.modified)
    mine = [state for state in stored.states if state.uid not in modified]
    view.tell(state for state in mine if state.uid in stored.changed)
    lines: list[bytes] = []
    for state in mine:
        sequence = view.uids.sequence_of(state.uid)
        if sequence is not None and (not command.silent or (condstore and state.uid in stored.changed)):
            lines.append(flags_response(sequence, state, condstore, not command.silent, context.session.uid_only))
    await context.send(b"".join(lines))


async def copy(context: Context, command: Command) -> Done:
    """COPY and UID COPY."""
    assert isinstance(command, Transfer)
    view = view_of(context)
    uids = resolve(view, command.numbers, command.by_uid)
    if not uids:
        return Done("No messages copied")
    placed = await store_of(context).copy(view.mailbox_id, uids, command.mailbox)
    return Done("COPY completed", code=_copy_uid(placed))


async def move(context: Context, command: Command) -> Done:
    """MOVE and UID MOVE (RFC 6851): COPYUID untagged, then the EXPUNGE responses."""
    assert isinstance(command, Transfer)
    view = view_of(context)
    if view.read_only:
        return READ_ONLY
    uids = resolve(view, command.numbers, command.by_uid)
    if not uids:
        return Done("No messages moved")
    placed = await store_of(context).move(view.mailbox_id, uids, command.mailbox)
    if not placed.source_uids:
        return Done("MOVE completed")
    await context.send(responses.untagged_state("OK", "Moved", _copy_uid(placed)))
    return Done("MOVE completed", code=await resyncing.code_behind(context, view))


def _copy_uid(placed: Placed) -> str:
    """``"COPYUID" SP nz-number SP uid-set SP uid-set`` (RFC 4315)."""
    if not placed.source_uids:
        return ""
    sets = (serialise_in_order(placed.source_uids).decode(), serialise_in_order(placed.target_uids).decode())
    return f"COPYUID {placed.uid_validity} {sets[0]} {sets[1]}"


async def expunge(context: Context, command: Command) -> Done:
    """EXPUNGE and UID EXPUNGE; what goes is told by the dialogue."""
    view = view_of(context)
    if view.read_only:
        return READ_ONLY
    uids = view.resolve(command.numbers, by_uid=True) if isinstance(command, Numbers) else None
    count = await store_of(context).expunge(view.mailbox_id, uids)
    return Done("EXPUNGE completed", code=await resyncing.code_behind(context, view) if count else "")


async def append(context: Context, command: Command) -> Done:
    """APPEND (RFC 9051 §6.3.12), of several messages too: all are added or none (RFC 3502)."""
    assert isinstance(command, Append)
    messages = [await asyncio.to_thread(_read, message) for message in command.messages]
    for message in messages:
        _refuse_unfit(message)
    uid_validity, uids = await store_of(context).append(command.mailbox, messages)
    return Done("APPEND completed", code=f"APPENDUID {uid_validity} {serialise_in_order(uids).decode()}")


async def replace(context: Context, command: Command) -> Done:
    """REPLACE (RFC 8508): the new message is there and the old one gone at once."""
    assert isinstance(command, Replace)
    view = view_of(context)
    if view.read_only:
        return READ_ONLY
    uids = resolve(view, command.number, command.by_uid)
    if not uids:
        return Done("There is no such message", "NO", "NONEXISTENT")
    message = await asyncio.to_thread(_read, command.message)
    _refuse_unfit(message)
    uid_validity, uid = await store_of(context).replace(view.mailbox_id, uids[0][0], command.mailbox, message)
    await context.send(responses.untagged_state("OK", "The new message is there", f"APPENDUID {uid_validity} {uid}"))
    return Done("REPLACE completed", code=await resyncing.code_behind(context, view))


def _refuse_unfit(message: NewMessage) -> None:
    """Raise StoreRefusal for what is no message."""
    if not message.octets:
        raise StoreRefusal("The message is empty", "CANNOT")
    if b"\0" in message.octets:
        raise StoreRefusal("The message has a NUL octet", "UNKNOWN-CTE")


def _read(message: AppendMessage) -> NewMessage:
    """Return the message with its octets, and give its literal back."""
    octets = message.content.read()
    message.content.close()
    return NewMessage(octets, message.flags, message.internal_date)
