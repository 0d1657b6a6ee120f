"""SEARCH, SORT and THREAD, with ESEARCH (RFC 4731), ESORT (RFC 5267) and MODSEQ (RFC 7162 §3.1.5)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from mailboxes.imap import commands as c
from mailboxes.imap import responses, sorting, threads
from mailboxes.imap.handlers.context import Context, Done, store_of, view_of
from mailboxes.imap.numset import NumberSet, ranges_of, serialise_in_order
from mailboxes.imap.port import Row
from mailboxes.imap.scanner import SyntaxFault
from mailboxes.imap.view import View

T = TypeVar("T")
Found = list[tuple[int, int]]  # UIDs with their MODSEQs


async def search(context: Context, command: c.Command) -> Done:
    """SEARCH and UID SEARCH."""
    assert isinstance(command, c.Search)
    return await _answer(context, command, await _found(context, command), "SEARCH")


async def sort(context: Context, command: c.Command) -> Done:
    """SORT and UID SORT."""
    assert isinstance(command, c.Sort)
    found = await _found(context, command.search)
    return await _answer(context, command.search, await _sorted(context, found, command.criteria), "SORT")


async def thread(context: Context, command: c.Command) -> Done:
    """THREAD and UID THREAD."""
    assert isinstance(command, c.Thread)
    view, algorithm = view_of(context), command.algorithm
    found = await _found(context, command.search)
    uids = ranges_of(uid for uid, _ in found)
    posts: list[threads.Post] = []
    async for rows in store_of(context).fetch(view.mailbox_id, uids, threads.need_of(algorithm)):
        posts += await asyncio.to_thread(_posts, rows, algorithm)
        await context.progress(len(posts), len(found))

    def told() -> bytes:
        grouped = threads.threads_of(posts, algorithm)
        return threads.serialise(grouped, lambda uid: _number(view, uid, command.search.by_uid))

    words = await asyncio.to_thread(told)
    await context.send(responses.untagged(b"THREAD", *([words] if words else [])))
    return Done("THREAD completed")


def _posts(rows: Sequence[Row], algorithm: c.Threading) -> list[threads.Post]:
    return [threads.post_of(row, algorithm) for row in rows]


async def _found(context: Context, command: c.Search) -> Found:
    """Return what matches and what this session may name: messages that it has been told of."""
    view = view_of(context)
    if command.has_modseq:
        context.session.enabled.add("CONDSTORE")
    if command.has_charset and "UTF8=ACCEPT" in context.session.enabled:
        raise SyntaxFault("After ENABLE UTF8=ACCEPT a search names no charset")  # RFC 9755 §3
    key = with_uids(command.key, view)
    if "SAVE" in _wanted(context, command):
        view.saved = ()  # what a search that fails leaves (RFC 5182 §2.1)
    found = await store_of(context).search(view.mailbox_id, key, context.progress)
    return [(uid, modseq) for uid, modseq in found if view.uids.sequence_of(uid) is not None]


async def _sorted(context: Context, found: Found, criteria: Sequence[c.Criterion]) -> Found:
    """Return the messages in order; one that is gone by now is left out."""
    keyed: dict[int, sorting.Keys] = {}

    def take(rows: Sequence[Row]) -> None:
        keyed.update((row.uid, sorting.keys_of(row, criteria)) for row in rows)

    uids = ranges_of(uid for uid, _ in found)
    async for rows in store_of(context).fetch(view_of(context).mailbox_id, uids, sorting.need_of(criteria)):
        await asyncio.to_thread(take, rows)
        await context.progress(len(keyed), len(found))
    modseqs = dict(found)
    order = await asyncio.to_thread(sorting.in_order, keyed, criteria)
    return [(uid, modseqs[uid]) for uid in order if uid in modseqs]


async def _answer(context: Context, command: c.Search, found: Found, name: str) -> Done:
    """Tell the numbers in the order given, in the form that was asked for."""
    view, returns = view_of(context), _wanted(context, command)
    asked = _asked(found, returns, command.partial)
    if "SAVE" in returns:
        view.saved = ranges_of(uid for uid, _ in asked)
        if returns == {"SAVE"}:
            return Done(f"{name} completed, result saved")
    numbers = [_number(view, uid, command.by_uid) for uid, _ in found]
    modseq = max((modseq for _, modseq in asked), default=0) if command.has_modseq else 0
    if command.returns is None and (name == "SORT" or not returns):
        await context.send(_plain(name, numbers, modseq))
    else:
        await context.send(_extended(numbers, modseq, replace(command, returns=returns), context.session.tag))
    return Done(f"{name} completed")


def _number(view: View, uid: int, by_uid: bool) -> int:
    return uid if by_uid else view.uids.sequence_of(uid) or 0


def _wanted(context: Context, command: c.Search) -> frozenset[str]:
    """Return what ESEARCH is to tell, nothing for a plain SEARCH; IMAP4rev2 knows ESEARCH alone (RFC 9051 §6.4.4)."""
    if command.returns is None:
        return frozenset({"ALL"}) if context.session.rev2 else frozenset()
    return command.returns


def _asked(found: Found, returns: frozenset[str], partial: c.Partial | None) -> Found:
    """Return what SAVE keeps and MODSEQ is of: MIN, MAX and PARTIAL where only they are told (RFC 5182 §2.4)."""
    told = returns - {"SAVE"}
    if not told or told - {"MIN", "MAX", "PARTIAL"}:
        return found
    ends = (found[:1] if "MIN" in told else []) + (found[-1:] if "MAX" in told else [])
    return sorted({*ends, *(_slice(found, partial) if partial else ())})


def _slice(found: Sequence[T], partial: c.Partial) -> Sequence[T]:
    """Return what stands at the positions named."""
    first, last = sorted(position - 1 if position > 0 else len(found) + position for position in partial)
    return found[max(first, 0) : max(last + 1, 0)]


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


def _plain(name: str, numbers: list[int], modseq: int) -> bytes:
    words = [b"%d" % number for number in numbers]
    if modseq:
        words.append(b"(MODSEQ %d)" % modseq)
    return responses.untagged(name.encode(), *words)


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
        words.append(b"ALL " + serialise_in_order(numbers))
    if command.partial is not None:
        part = serialise_in_order(_slice(numbers, command.partial)) or b"NIL"
        words.append(b"PARTIAL (%d:%d %b)" % (*command.partial, part))
    if modseq:
        words.append(b"MODSEQ %d" % modseq)
    return responses.untagged(b"ESEARCH", *words)
