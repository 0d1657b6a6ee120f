"""SEARCH and UID SEARCH, with ESEARCH (RFC 4731) and MODSEQ (RFC 7162 §3.1.5)."""

from mailboxes.imap import commands as c
from mailboxes.imap import responses
from mailboxes.imap.handlers.context import Context, Done, store_of, view_of
from mailboxes.imap.numset import NumberSet, ranges_of, serialise_ranges
from mailboxes.imap.scanner import SyntaxFault
from mailboxes.imap.view import View

Found = list[tuple[int, int]]  # UIDs with their MODSEQs


async def search(context: Context, command: c.Command) -> Done:
    """Answer with what this session may name: messages that it has been told of."""
    assert isinstance(command, c.Search)
    view = view_of(context)
    if command.has_modseq:
        context.session.enabled.add("CONDSTORE")
    if command.has_charset and "UTF8=ACCEPT" in context.session.enabled:
        raise SyntaxFault("After ENABLE UTF8=ACCEPT a search names no charset")  # RFC 9755 §3
    returns = _wanted(context, command)
    key = with_uids(command.key, view)
    if "SAVE" in returns:
        view.saved = ()  # what a search that fails leaves (RFC 5182 §2.1)
    found = await store_of(context).search(view.mailbox_id, key)
    known = [(uid, modseq) for uid, modseq in found if view.uids.sequence_of(uid) is not None]
    if "SAVE" in returns:
        view.saved = ranges_of(uid for uid, _ in _asked(known, returns))
        if returns == {"SAVE"}:
            return Done("SEARCH completed, result saved")
    numbers = [uid if command.by_uid else view.uids.sequence_of(uid) or 0 for uid, _ in known]
    modseq = max((modseq for _, modseq in _asked(known, returns)), default=0) if command.has_modseq else 0
    if returns:
        await context.send(_extended(numbers, modseq, returns, command.by_uid, context.session.tag))
    else:
        await context.send(_plain(numbers, modseq))
    return Done("SEARCH completed")


def _wanted(context: Context, command: c.Search) -> frozenset[str]:
    """Return what ESEARCH is to tell, nothing for a plain SEARCH; IMAP4rev2 knows ESEARCH alone (RFC 9051 §6.4.4)."""
    if command.returns is None:
        return frozenset({"ALL"}) if context.session.rev2 else frozenset()
    return command.returns


def _asked(found: Found, returns: frozenset[str]) -> Found:
    """Return what SAVE keeps and MODSEQ is of: MIN and MAX where only they are told (RFC 5182 §2.4), else all."""
    told = returns - {"SAVE"}
    if not told or told - {"MIN", "MAX"}:
        return found
    return (found[:1] if "MIN" in told else []) + (found[-1:] if "MAX" in told else [])


def with_uids(key: c.Key, view: View) -> c.Key:
    """Return the key with its sequence numbers and ``*`` as UIDs; the grammar bounds its depth."""
    if isinstance(key, c.Both):
        return c.Both(tuple(with_uids(inner, view) for inner in key.keys))
    if isinstance(key, c.Either):
        return c.Either(tuple(with_uids(inner, view) for inner in key.keys))
    if isinstance(key, c.Not):
        return c.Not(with_uids(key.key, view))
    if not isinstance(key, c.InNumbers):
        return key
    try:
        return c.InNumbers(NumberSet(view.resolve(key.numbers, key.by_uid)), by_uid=True)
    except ValueError:
        return c.Not(c.All())


def _plain(numbers: list[int], modseq: int) -> bytes:
    words = [b"%d" % number for number in numbers]
    if modseq:
        words.append(b"(MODSEQ %d)" % modseq)
    return responses.untagged(b"SEARCH", *words)


def _extended(numbers: list[int], modseq: int, returns: frozenset[str], by_uid: bool, tag: bytes) -> bytes:
    words = [b'(TAG "%b")' % tag]
    if by_uid:
        words.append(b"UID")
    if numbers and "MIN" in returns:
        words.append(b"MIN %d" % numbers[0])
    if numbers and "MAX" in returns:
        words.append(b"MAX %d" % numbers[-1])
    if "COUNT" in returns:
        words.append(b"COUNT %d" % len(numbers))
    if numbers and "ALL" in returns:
        words.append(b"ALL " + serialise_ranges(ranges_of(numbers)))
    if modseq:
        words.append(b"MODSEQ %d" % modseq)
    return responses.untagged(b"ESEARCH", *words)
