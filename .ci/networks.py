#!/usr/bin/env python3
"""Fetch the public ranges of networks and make the table that the panel reads: ``networks.py FILE``.

Standard library only, besides ``domains.network_table``, which is that too. The packages come by the npm that is
installed, whose settings say from where; what comes counts only with the digest below. Ends with status 1 and one
line when there is no table: the panel does without.
"""

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from domains.network_table import Announced, NetworkTable, Registered, serialise_table  # noqa: E402

VERSION = "2.3.2026061719"
EDITION = "2026-06-17"
OWNERS = (
    "@ip-location-db/asn",
    "sha512-PpqYi7wyEyWwunXBtl+y3Vi403SvNywotWwvmiYCOUtE0SVol/Sf492Ee+eErEznmGapxEQB2SAfrpXuZ9a+vQ==",
)
COUNTRIES = (
    "@ip-location-db/asn-country",
    "sha512-KN/mUGqf/nwkI0RDvv4knOc5xGXxbooU1MlTXThEJcJVyWxHoCx6oRed8p7NguGKZRpQPmZWdWw/zslHZsUC6Q==",
)
SECONDS = 120
LONGEST = 64_000_000  # octets of one member, unpacked
KNOWN = ("8.8.8.8", "1.1.1.1", "2001:4860:4860::8888")  # a table without them was read wrongly


class NoTable(Exception):
    """The table cannot be made; ``str()`` is one line."""


def fetched(package: tuple[str, str], folder: Path) -> Path:
    """Return the archive of a package, with the pinned digest."""
    name, digest = package
    npm = shutil.which("npm")
    if npm is None:
        raise NoTable("npm is not installed (Debian package npm)")
    own = folder / name.replace("/", "-")
    own.mkdir()
    options = ["--silent", "--fetch-retries=0", "--fetch-timeout=20000", "--pack-destination", str(own)]
    command = [npm, "pack", *options, f"{name}@{VERSION}"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        subprocess.run(command, cwd=own, timeout=SECONDS, check=True, **quiet)  # type: ignore[call-overload]
    except (OSError, subprocess.SubprocessError) as fault:
        raise NoTable(f"{name} cannot be fetched") from fault
    archive = next(own.glob("*.tgz"), None)
    if archive is None:
        raise NoTable(f"{name} cannot be fetched")
    if f"sha512-{base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()}" != digest:
        raise NoTable(f"{name} {VERSION} is not what it was: another digest")
    return archive


def rows(archive: Path, stem: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (4 or 6, cells) of the two files of a package, addresses as numbers."""
    with tarfile.open(archive) as members:
        for version in (4, 6):
            member = members.getmember(f"package/{stem}-ipv{version}-num.csv")
            octets = members.extractfile(member)
            if octets is None or member.size > LONGEST:
                raise NoTable(f"{archive.name} is built otherwise")
            for cells in csv.reader(io.TextIOWrapper(octets, "utf-8", newline="")):
                yield version, cells


def announced(archive: Path) -> Iterator[Announced]:
    """Yield who announces what."""
    for version, (first, last, number, owner) in rows(archive, "asn"):
        plain = " ".join("".join(letter if letter.isprintable() else " " for letter in owner).split())
        yield Announced(version, int(first), int(last), int(number), plain)


def registered(archive: Path) -> Iterator[Registered]:
    """Yield what is registered where."""
    for version, (first, last, country) in rows(archive, "asn-country"):
        yield Registered(version, int(first), int(last), country)


def make(target: Path) -> None:
    """Write the table, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        folder = Path(name)
        owners, countries = fetched(OWNERS, folder), fetched(COUNTRIES, folder)
        try:
            octets = serialise_table(EDITION, announced(owners), registered(countries))
        except (tarfile.TarError, KeyError, ValueError, OSError) as fault:
            raise NoTable("the packages are built otherwise") from fault
        table = NetworkTable(memoryview(octets))
        if not all(table.find(address).owner and table.find(address).country for address in KNOWN):
            raise NoTable("well-known addresses are not found in it")
        fresh = folder / "table"
        fresh.write_bytes(octets)
        fresh.chmod(0o644)
        os.replace(fresh, target)


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]))
    except (NoTable, OSError) as fault:
        print(f"set-up: no network owners and countries: {fault}", file=sys.stderr)
        sys.exit(1)
