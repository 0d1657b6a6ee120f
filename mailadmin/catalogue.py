"""Translation catalogues: texts (.po) are kept, what gettext reads (.mo) is made from them at start.

Pure Python, so no msgfmt is needed on the machine. A catalogue is written beside and renamed: processes that start
together never read half of one. Fuzzy and untranslated entries are left out, as msgfmt does.
"""

import ast
import logging
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

MAGIC = 0x950412DE
HEAD = struct.Struct("<7I")
PAIR = struct.Struct("<2I")


class BadCatalogue(ValueError):
    """A line of a .po file cannot be read; ``str()`` names file and line."""


@dataclass(slots=True)
class Entry:
    """One message in the making; ``strings`` by plural number."""

    context: str | None = None
    identifier: str | None = None
    plural: str | None = None
    strings: dict[int, str] = field(default_factory=dict)
    fuzzy: bool = False

    def pair(self) -> tuple[str, str] | None:
        """Return key and value as gettext wants them, or None when there is nothing to say."""
        texts = [self.strings[number] for number in sorted(self.strings)]
        if self.identifier is None or self.fuzzy or not texts or not all(texts):
            return None
        key = self.identifier if self.plural is None else f"{self.identifier}\0{self.plural}"
        return (key if self.context is None else f"{self.context}\x04{key}"), "\0".join(texts)


def parse_catalogue(text: str, name: str = "catalogue") -> dict[str, str]:
    """Return keys and values of a .po text; raises BadCatalogue."""
    pairs: dict[str, str] = {}
    entry, target = Entry(), ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        starts = line.startswith("#") or line.startswith("msgctxt ") or line.startswith("msgid ")
        if not line or (starts and entry.strings):
            _keep(pairs, entry)
            entry, target = Entry(), ""
        if line.startswith("#,") and "fuzzy" in line:
            entry.fuzzy = True
        if not line or line.startswith("#"):
            continue
        try:
            target = _take(entry, line, target)
        except (ValueError, SyntaxError) as error:
            raise BadCatalogue(f"{name}, line {number}: {error}") from error
    _keep(pairs, entry)
    return pairs


def _keep(pairs: dict[str, str], entry: Entry) -> None:
    pair = entry.pair()
    if pair is not None:
        pairs[pair[0]] = pair[1]


def _take(entry: Entry, line: str, target: str) -> str:
    """Put one line's string into the entry; returns which part it belongs to, for the lines that continue it."""
    if line.startswith('"'):
        word, quoted = target, line
    else:
        word, _space, quoted = line.partition(" ")
        if word not in ("msgctxt", "msgid", "msgid_plural", "msgstr") and not word.startswith("msgstr["):
            raise ValueError(f"{word!r} is not known")
    text = ast.literal_eval(quoted.strip())
    if not isinstance(text, str) or not word:
        raise ValueError("a quoted string is missing")
    if word == "msgctxt":
        entry.context = (entry.context or "") + text
    elif word == "msgid":
        entry.identifier = (entry.identifier or "") + text
    elif word == "msgid_plural":
        entry.plural = (entry.plural or "") + text
    else:
        number = 0 if word == "msgstr" else int(word[7:-1])
        entry.strings[number] = entry.strings.get(number, "") + text
    return word


def serialise_catalogue(pairs: dict[str, str]) -> bytes:
    """Return the .mo octets: both tables sorted by key, without a hash table."""
    rows = sorted((key.encode(), value.encode()) for key, value in pairs.items())
    count = len(rows)
    keys_at, values_at = HEAD.size, HEAD.size + PAIR.size * count
    place = HEAD.size + 2 * PAIR.size * count
    tables: list[bytes] = []
    texts: list[bytes] = []
    for column in (0, 1):
        for row in rows:
            tables.append(PAIR.pack(len(row[column]), place))
            texts.append(row[column] + b"\0")
            place += len(row[column]) + 1
    head = HEAD.pack(MAGIC, 0, count, keys_at, values_at, 0, HEAD.size + 2 * PAIR.size * count)
    return head + b"".join(tables) + b"".join(texts)


def compile_catalogues(folder: Path, force: bool = False) -> list[Path]:
    """Write every .mo under ``folder`` that is missing or older than its .po; returns those written."""
    written = []
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if force or not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            octets = serialise_catalogue(parse_catalogue(source.read_text(encoding="utf-8"), str(source)))
            fresh = target.with_name(f".{target.name}.{os.getpid()}")
            fresh.write_bytes(octets)
            fresh.replace(target)
            written.append(target)
    return written


def compile_at_start(folder: Path) -> None:
    """Compile what is due; a fault leaves the panel in English and is logged, it never stops a start."""
    try:
        compile_catalogues(folder)
    except (OSError, BadCatalogue) as error:
        log.warning("the translations could not be compiled: %s", error)
