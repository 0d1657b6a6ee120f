"""What QRESYNC adds to SELECT, UID FETCH, EXPUNGE and MOVE (RFC 7162 §3.2).

All that is told of the past is bounded by what the view knows; what happens meanwhile is told behind the command as
at any other time, so nothing is lost and no number is used before it was told.
"""

from mailboxes.imap import responses
from mailboxes.imap.commands import Resync
from mailboxes.imap.handlers.context import Context, store_of
from mailboxes.imap.numset import LARGEST, NumberSet, intersect, subtract
from mailboxes.imap.port import FlagState, Need
from mailboxes.imap.rendering import flags_response
from mailboxes.imap.scanner import SyntaxFault
from mailboxes.imap.view import View

_ALL = NumberSet(((1, LARGEST),))


def demand_enabled(context: Context) -> None:
    """Raise SyntaxFault unless ENABLE QRESYNC was said."""
    if not context.session.qresync:
        raise SyntaxFault("Say ENABLE QRESYNC first")


async def tell_missed(context: Context, view: View, resync: Resync) -> None:
    """Tell which of the UIDs that the client knows are gone, then the flags of those changed."""
    store = store_of(context)
    known = (resync.known or _ALL).resolve(LARGEST)
    since = await store.since(view.mailbox_id, resync.modseq, view.known_modseq)
    if gone := intersect(since.vanished, known):
        await context.send(responses.vanished(gone, earlier=True))
    changed = view.uids.within(intersect(since.changed, known))
    async for rows in store.fetch(view.mailbox_id, changed, Need.NOTHING, resync.modseq):
        told = [(view.uids.sequence_of(row.uid), FlagState(row.uid, row.modseq, row.flags)) for row in rows]
        lines = [
            flags_response(number, state, True, uid_only=context.session.uid_only) for number, state in told if number
        ]
        await context.send(b"".join(lines))


async def tell_vanished(context: Context, view: View, numbers: NumberSet, modseq: int) -> None:
    """Tell which of the UIDs named left after ``modseq``; one that still has a number is told behind the command."""
    demand_enabled(context)
    since = await store_of(context).since(view.mailbox_id, modseq, view.known_modseq)
    named = intersect(since.vanished, view.saved if numbers.saved else numbers.resolve(LARGEST))
    if gone := subtract(named, view.uids.within(named)):
        await context.send(responses.vanished(gone, earlier=True))


async def code_behind(context: Context, view: View) -> str:
    """Tell what was removed, and return the response code for the tagged answer (RFC 7162 §3.2.7)."""
    if not context.session.qresync:
        return ""
    await context.sync()
    return f"HIGHESTMODSEQ {view.all_told_modseq}"
