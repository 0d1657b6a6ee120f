"""Years of report files from a disk: several processes read and store them, and add the days up, side by side."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

from django.db import connections

from domains.models import ReportFileState
from domains.services.report_rollup import roll_up, waiting_domains
from domains.services.reports import Memory, store_many

CHUNK = 100

_memory = Memory()  # of this process, from one chunk to the next


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one report of a file: ``state`` as of a file, what it is known by, or the reason."""

    path: str
    state: ReportFileState
    reason: str = ""
    domain: str = ""
    org_name: str = ""
    report_id: str = ""
    records: int = 0
    messages: int = 0


def processors() -> int:
    """Return how many processes are worth while here."""
    return len(os.sched_getaffinity(0))


def take_in_paths(paths: Sequence[Path], road: str, jobs: int) -> Iterator[FileOutcome]:
    """Store the files by ``jobs`` processes, yield each outcome as it is stored, then add up all that waits.

    The processes are forked from this one, whose database connections are closed before.
    """
    _memory.forget()
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    if jobs == 1 or len(chunks) < 2:
        for chunk in chunks:
            yield from _store((chunk, road))
        roll_up()
        return
    connections.close_all()
    with closing(get_context("fork").Pool(min(jobs, len(chunks)))) as pool:
        for outcomes in pool.imap_unordered(_store, [(chunk, road) for chunk in chunks]):
            yield from outcomes
        for _days in pool.imap_unordered(_add_up, waiting_domains()):
            pass


def _store(work: tuple[Sequence[Path], str]) -> list[FileOutcome]:
    """Store one chunk of files; a file that cannot be opened has its reason."""
    paths, road = work
    refused: list[FileOutcome] = []

    def opened() -> Iterator[tuple[str, BinaryIO]]:
        for path in paths:
            try:
                with path.open("rb") as file:
                    yield str(path), file
            except OSError as fault:
                reason = fault.strerror or type(fault).__name__
                refused.append(FileOutcome(str(path), ReportFileState.BROKEN, reason))

    found = [
        FileOutcome(
            one.name,
            one.state,
            one.reason,
            *((one.report.domain.name, one.report.org_name, one.report.report_id) if one.report else ()),
            *((one.report.records_count, one.report.messages_count) if one.report else ()),
        )
        for one in store_many(opened(), road, _memory)
    ]
    return found + refused


def _add_up(domain_id: int) -> int:
    return roll_up({domain_id})
