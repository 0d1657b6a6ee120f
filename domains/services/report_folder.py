"""The folder for reports on disk: what is laid into ``reports/incoming`` of the data folder is taken in and put away.

Taken files go to ``done``, others to ``failed`` with the reason beside them, both under the path they had. A file is
looked at once nothing has changed it for some seconds, so half-written ones are left; links, pipes and devices are
put away unopened. A hundred files are stored, then moved: a death in between reads them again, and what is known
counts once.
"""

import logging
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from domains.failpoints import fail_point
from domains.models import ReportFileState
from domains.services.report_rollup import roll_up
from domains.services.reports import FAULTS, Outcome, store_many

log = logging.getLogger(__name__)

QUIET_SECONDS = 10.0
CHUNK = 100
CHUNK_OCTETS = 16 * 1024 * 1024
RUN_SECONDS = 240.0
MAXIMUM_LEVELS = 8
MAXIMUM_COUNTED = 10_000
_HALF_WRITTEN = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
_OPENING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Places:
    """Where files come in and go."""

    incoming: Path
    done: Path
    failed: Path


@dataclass(frozen=True, slots=True)
class Standing:
    """How many files wait, and how many were put aside; at most ``MAXIMUM_COUNTED`` are counted."""

    path: Path
    waiting: int
    failed: int


class _NotAFile(OSError):
    """What lies there is not opened; ``str()`` is one sentence."""


def places() -> Places:
    """Return the three folders."""
    root: Path = settings.MAILADMIN.data / "reports"
    return Places(root / "incoming", root / "done", root / "failed")


def standing() -> Standing:
    """Return how the folder stands."""
    where = places()
    waiting = sum(1 for _entry, _ready in zip(_walk(where.incoming), range(MAXIMUM_COUNTED), strict=False))
    failed = sum(
        1
        for entry, _ready in zip(_walk(where.failed), range(MAXIMUM_COUNTED), strict=False)
        if not entry.name.endswith(".reason")
    )
    return Standing(where.incoming, waiting, failed)


def take_in_folder(now: float | None = None) -> int:
    """Take in what is ready, a hundred files at a time, for some minutes; returns how many files were put away."""
    where = places()
    for place in (where.incoming, where.done, where.failed):
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
    started, done = time.monotonic(), 0
    touched: set[int] = set()
    for chunk in _chunks(_ready(where.incoming, time.time() if now is None else now)):
        done += _take_guarded(chunk, where, touched)
        if time.monotonic() - started > RUN_SECONDS:
            break
    roll_up(touched)
    _remove_empty(where.incoming)
    return done


def _walk(folder: Path, level: int = 0) -> Iterator[os.DirEntry[str]]:
    """Yield every entry below that is not a folder of its own, by name; links to folders are entries."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as fault:
        log.warning("%s: %s", folder, fault.strerror)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if level < MAXIMUM_LEVELS:
                yield from _walk(Path(entry.path), level + 1)
        elif not entry.name.startswith(".") and not entry.name.lower().endswith(_HALF_WRITTEN):
            yield entry


def _ready(folder: Path, now: float) -> Iterator[tuple[Path, int]]:
    """Yield (path, octets) of what nothing has changed for a while: writing, renaming, setting times all count."""
    for entry in _walk(folder):
        with suppress(FileNotFoundError):
            found = entry.stat(follow_symlinks=False)
            if now - found.st_ctime >= QUIET_SECONDS:
                yield Path(entry.path), found.st_size


def _chunks(paths: Iterable[tuple[Path, int]]) -> Iterator[list[Path]]:
    """Yield the paths by so many, or fewer of large ones, that a chunk is done well within a run."""
    chunk: list[Path] = []
    octets = 0
    for path, size in paths:
        if chunk and (len(chunk) >= CHUNK or octets + size > CHUNK_OCTETS):
            yield chunk
            chunk, octets = [], 0
        chunk.append(path)
        octets += size
    if chunk:
        yield chunk


def _take_guarded(paths: list[Path], where: Places, touched: set[int]) -> int:
    """Store and put away a chunk; when a fault of ours stops it, each file by itself, and the faulty one aside."""
    try:
        return _take(paths, where, touched)
    except FAULTS:
        log.exception("%d files of %s could not be worked", len(paths), where.incoming)
    if len(paths) == 1:
        reason = _("The file could not be worked; the fault is logged.")
        _put_away(paths[0], where, [Outcome(str(paths[0]), ReportFileState.BROKEN, reason=reason)])
        return 1
    return sum(_take_guarded([path], where, touched) for path in paths)


def _take(paths: list[Path], where: Places, touched: set[int]) -> int:
    """Store one chunk of files, then put each away."""
    outcomes: dict[str, list[Outcome]] = {str(path): [] for path in paths}
    for outcome in store_many(_opened(paths, outcomes), "folder"):
        outcomes[outcome.name].append(outcome)
        if outcome.report is not None:
            touched.add(outcome.report.domain_id)
    fail_point("folder.before-move")
    for path in paths:
        _put_away(path, where, outcomes[str(path)])
    return len(paths)


def _opened(paths: list[Path], outcomes: dict[str, list[Outcome]]) -> Iterator[tuple[str, BinaryIO]]:
    for path in paths:
        try:
            with _open(path) as file:
                yield str(path), file
        except OSError as fault:
            reason = str(fault) if isinstance(fault, _NotAFile) else fault.strerror or type(fault).__name__
            outcomes[str(path)].append(Outcome(str(path), ReportFileState.BROKEN, reason=reason))


def _open(path: Path) -> BinaryIO:
    if path.is_symlink():
        raise _NotAFile(_("It is a link; lay the file itself here."))
    descriptor = os.open(path, _OPENING)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _NotAFile(_("It is not a regular file."))
    return os.fdopen(descriptor, "rb")


def _put_away(path: Path, where: Places, outcomes: list[Outcome]) -> None:
    """Move a file to ``done`` when anything in it was taken, else to ``failed``; the reasons go beside it."""
    taken = any(one.state != ReportFileState.BROKEN for one in outcomes)
    reasons = list(dict.fromkeys(one.reason for one in outcomes if one.reason))
    if not outcomes:
        reasons = [_("It holds no report.")]
    target = _free((where.done if taken else where.failed) / path.relative_to(where.incoming))
    try:
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if reasons:
            target.with_name(f"{target.name}.reason").write_text("\n".join(reasons) + "\n", encoding="utf-8")
        _move(path, target)
    except OSError as fault:  # it stays, and is known the next time
        log.error("%s cannot be put away: %s", path, fault)


def _move(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError:  # another file system
        shutil.move(path, target)


def _free(path: Path) -> Path:
    """Return the path, or one with a number after it when something lies there."""
    free, number = path, 1
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.name}.{number}"), number + 1
    return free


def _remove_empty(folder: Path) -> None:
    """Remove the folders below that hold nothing any more."""
    for below, _folders, _files in os.walk(folder, topdown=False):
        if Path(below) != folder and time.time() - Path(below).stat().st_ctime >= QUIET_SECONDS:
            with suppress(OSError):
                os.rmdir(below)
