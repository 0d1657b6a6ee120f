"""``manage.py dmarc_report FILE…``: print what report files say as JSON, or take them in.

Each report is one line of JSON: aggregate, failure and TLS reports, as XML, JSON, gzip, zip or the mail that brought
them. What cannot be read is a line with ``error``, and the exit status is then 1. The rows of an aggregate report go
through a temporary file, so that a report of a million rows is printed whole or refused in little memory. With
``--store`` the lines say what became of each report instead.
"""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile, TemporaryDirectory
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand

from domains.dmarc.archive import OWN_FILES, BadArchive
from domains.dmarc.failure import FailureReport
from domains.dmarc.report import MAXIMUM_OWN_RECORDS, BadReport
from domains.dmarc.report_files import Found, OpenReport, Unreadable, reports_in
from domains.dmarc.report_json import failure_json, head_json, row_text, tls_json
from domains.models import ReportFileState
from domains.services.report_bulk import FileOutcome, processors, take_in_paths

STDIN = "-"
SAID = ("domain", "org_name", "report_id", "records", "messages")
HELD_OCTETS = 4 * 1024 * 1024


class Command(BaseCommand):
    """Reads report files."""

    help = "Print DMARC aggregate, DMARC failure and TLS reports as JSON, one line each, or take them in."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take files and folders."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="report, archive, mail or folder; - reads stdin")
        parser.add_argument("--store", action="store_true", help="take the reports in and say what became of each")
        parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes that store (one a processor)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print or store every report of every file; exits with 1 when one cannot be read."""
        paths = files_of(options["files"])
        try:
            readable = self._store(paths, options["jobs"] or processors()) if options["store"] else self._say(paths)
        except BrokenPipeError:
            # Whoever read the lines has seen enough; what Python still holds of them goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            readable = False
        if not readable:
            sys.exit(1)

    def _say(self, paths: Iterable[Path]) -> bool:
        """Print the reports of all files; False when one cannot be read."""
        readable = True
        for path in paths:
            readable &= self._print(path)
        return readable

    def _store(self, paths: Iterable[Path], jobs: int) -> bool:
        """Take the files in and print what became of each report; False when one cannot be taken in."""
        readable = True
        with TemporaryDirectory() as folder:
            copied = Path(folder) / "stdin"
            laid = [_copy_of_stdin(copied) if str(path) == STDIN else path for path in paths]
            for outcome in take_in_paths(laid, "command", jobs):
                readable &= outcome.state != ReportFileState.BROKEN
                self._line(_told(outcome, STDIN if outcome.path == str(copied) else outcome.path))
        return readable

    def _print(self, path: Path) -> bool:
        """Print the reports of one file; False when one cannot be read."""
        readable = True
        try:
            with opened(path) as file:
                for part, found in reports_in(file, path.name, OWN_FILES, MAXIMUM_OWN_RECORDS):
                    place = {"file": str(path)} | ({"part": part} if part != path.name else {})
                    readable &= self._print_one(place, found)
        except OSError as fault:
            self._line({"file": str(path), "error": fault.strerror or type(fault).__name__})
            return False
        return readable

    def _print_one(self, place: dict[str, str], found: Found) -> bool:
        match found:
            case OpenReport():
                return self._print_open(place, found)
            case Unreadable():
                self._line({**place, "error": found.reason})
                return False
            case FailureReport():
                self._line({**place, **failure_json(found)})
            case _:
                self._line({**place, **tls_json(found)})
        return True

    def _print_open(self, place: dict[str, str], report: OpenReport) -> bool:
        with SpooledTemporaryFile(HELD_OCTETS, "w+", encoding="ascii") as held:
            held.write(json.dumps({**place, **head_json(report.head)})[:-1] + ', "records": [')
            try:
                for number, row in enumerate(report.rows):
                    held.write((", " if number else "") + row_text(row))
            except (BadArchive, BadReport) as refusal:
                self._line({**place, "error": str(refusal)})
                return False
            held.write("]}\n")
            held.seek(0)
            while text := held.read(HELD_OCTETS):
                self.stdout.write(text, ending="")
        return True

    def _line(self, values: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(values))


def _told(outcome: FileOutcome, file: str) -> dict[str, Any]:
    if outcome.state == ReportFileState.BROKEN:
        return {"file": file, "error": outcome.reason}
    said = {name: getattr(outcome, name) for name in SAID if outcome.domain}
    return {"file": file, "state": str(outcome.state), **said} | (
        {"reason": outcome.reason} if outcome.reason else {}
    )


def _copy_of_stdin(path: Path) -> Path:
    with path.open("wb") as file:
        copyfileobj(sys.stdin.buffer, file)
    return path


def files_of(names: list[str]) -> Iterator[Path]:
    """Yield the files, and all that lie below the folders, hidden ones left out."""
    for name in names:
        path = Path(name)
        if name != STDIN and path.is_dir():
            below = (one for one in sorted(path.rglob("*")) if one.is_file())
            yield from (one for one in below if not any(part.startswith(".") for part in one.relative_to(path).parts))
        else:
            yield path


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or what stdin holds."""
    if str(path) != STDIN:
        with path.open("rb") as file:
            yield file
        return
    with SpooledTemporaryFile(HELD_OCTETS) as held:
        copyfileobj(sys.stdin.buffer, held)
        yield held  # type: ignore[misc]
