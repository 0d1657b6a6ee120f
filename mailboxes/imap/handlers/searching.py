"""SEARCH and UID SEARCH, with ESEARCH (RFC 4731) and MODSEQ (RFC 7162 §3.1.5)."""

from mailboxes.imap import commands as c
from mailboxes.imap import responses
from mailboxes.imap.handlers.context import Context, Done, store_of, view_of
from mailboxes.imap.numset import NumberSet, ranges_of, serialise_ranges
from mailboxes.imap.view import View


async def search(context: Context, command: c.Command) -> Done:
    """Answer with what this session may name: messages that it has been told of."""
    assert isinstance(command, c.Search)
    view = view_of(context)
    if command.has_modseq:
        context.session.enabled.add("CONDSTORE")
    found = await store_of(context).search(view.mailbox_id, with_uids(command.key, view))
    numbers: list[int] = []
    modseqs: list[int] = []
    for uid, modseq in found:
        sequence = view.uids.sequence_of(uid)
        if sequence is not None:
            numbers.append(uid if command.by_uid else sequence)
            modseqs.append(modseq)
    modseq_told = _modseq(modseqs, command.returns) if command.has_modseq and numbers else 0
    if command.returns is None:
        await context.send(_plain(numbers, modseq_told))
    else:
        await context.send(_extended(numbers, modseq_told, command, context.session.tag))
    return Done("SEARCH completed")


def _modseq(modseqs: list[int], returns: frozenset[str] | None) -> int:
    """Return the highest MODSEQ of what is told: of all, or of MIN and MAX where only they are (RFC 7162 §3.1.10)."""
    if returns is None or returns - {"MIN", "MAX"}:
        return max(modseqs)
    return max(([modseqs[0]] if "MIN" in returns else []) + ([modseqs[-1]] if "MAX" in returns else []))


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


def _extended(numbers: list[int], modseq: int, command: c.Search, tag: bytes) -> bytes:
    words = [b'(TAG "%b")' % tag]
    if command.by_uid:
        words.append(b"UID")
    returns = command.returns or frozenset()
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
