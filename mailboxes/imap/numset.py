"""Sequence sets and UID sets (RFC 9051 §9, ``sequence-set``), kept as ranges whatever their size."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

STAR = 0  # stands for ``*`` until the largest number is known
LARGEST = 2**32 - 1
MAXIMUM_RANGES = 20_000

_ITEM = re.compile(rb"(?:(\*)|([1-9]\d{0,9}))(?::(?:(\*)|([1-9]\d{0,9})))?")
Ranges: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NumberSet:
    """Ranges as sent; ``resolve`` puts them in order once the largest number is known.

    ``saved`` stands for ``$``, what the last SEARCH kept (RFC 5182), instead of ranges.
    """

    ranges: Ranges
    saved: bool = False

    def resolve(self, largest: int) -> Ranges:
        """Return disjoint ascending ranges with ``*`` as the largest number in use (0: nothing is in use)."""
        concrete = (
            (min(low if low != STAR else largest, high if high != STAR else largest),
             max(low if low != STAR else largest, high if high != STAR else largest))
            for low, high in self.ranges
        )  # fmt: skip
        return merge(pair for pair in concrete if pair[1] > 0)


def parse_number_set(text: bytes) -> NumberSet:
    """``sequence-set = (seq-number / seq-range) *("," sequence-set) / "$"``; raises ValueError."""
    if text == b"$":
        return NumberSet((), saved=True)
    ranges: list[tuple[int, int]] = []
    for item in text.split(b",", MAXIMUM_RANGES):
        found = _ITEM.fullmatch(item)
        if found is None or len(ranges) >= MAXIMUM_RANGES:
            raise ValueError("not a sequence set")
        low = STAR if found[1] else int(found[2])
        high = STAR if found[3] else int(found[4]) if found[4] else low
        if max(low, high) > LARGEST:
            raise ValueError("a number is too large")
        ranges.append((low, high))
    return NumberSet(tuple(ranges))


def merge(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the ranges ascending, disjoint and not adjacent."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Return ascending numbers as ranges."""
    return merge((number, number) for number in numbers)


def intersect(some: Ranges, others: Ranges) -> Ranges:
    """Return what two ascending, disjoint sets have in common."""
    found: list[tuple[int, int]] = []
    at = 0
    for low, high in some:
        while at < len(others) and others[at][1] < low:
            at += 1
        while at < len(others) and others[at][0] <= high:
            found.append((max(low, others[at][0]), min(high, others[at][1])))
            if others[at][1] > high:
                break
            at += 1
    return tuple(found)


def subtract(some: Ranges, others: Ranges) -> Ranges:
    """Return what an ascending, disjoint set has beyond another."""
    ends = (0, *(high for _, high in others))
    starts = (*(low for low, _ in others), LARGEST + 1)
    between = tuple((end + 1, start - 1) for end, start in zip(ends, starts, strict=True) if end + 1 < start)
    return intersect(some, between)


def part_of(ranges: Ranges, first: int, last: int) -> Ranges:
    """Return the numbers at positions ``first`` to ``last`` of an ascending set; negative ones count from its end."""
    count = sum(high - low + 1 for low, high in ranges)
    ends = sorted(position if position > 0 else count + 1 + position for position in (first, last))
    found: list[tuple[int, int]] = []
    before = 0
    for low, high in ranges:
        start, end = max(low, low + ends[0] - 1 - before), min(high, low + ends[1] - 1 - before)
        if start <= end:
            found.append((start, end))
        before += high - low + 1
    return tuple(found)


def serialise_ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return the wire form: ``1:3,7``."""
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)


def serialise_in_order(numbers: Iterable[int]) -> bytes:
    """Return numbers in their given order, runs of successors joined, as COPYUID needs them."""
    return serialise_ranges(_runs(numbers))


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = last = number
        elif number == last + 1:
            last = number
        else:
            yield first, last
            first = last = number
    if first is not None and last is not None:
        yield first, last
