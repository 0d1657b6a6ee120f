"""Set-up of the table of networks: only what has the pinned digest, one line when there is none, never a stop."""

import ast
import base64
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from domains.network_table import Network, NetworkTable
from tests.mailadmin.test_bootstrap import bootstrap as bootstrap

ROOT = Path(__file__).resolve().parents[2]
MAKER = ROOT / ".ci" / "networks.py"
FILES = {
    "asn": (("asn-ipv4-num.csv", '{first},{last},15169,"Google, \x07LLC"\n'), ("asn-ipv6-num.csv", "")),
    "asn-country": (("asn-country-ipv4-num.csv", "{first},{last},US\n"), ("asn-country-ipv6-num.csv", "")),
}


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module, with an npm that serves two small packages."""
    specification = importlib.util.spec_from_file_location("networks", MAKER)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, package in (("OWNERS", "asn"), ("COUNTRIES", "asn-country")):
        octets = _archive(package)
        (shelf / f"{package}.tgz").write_bytes(octets)
        digest = base64.b64encode(hashlib.sha512(octets).digest()).decode()
        monkeypatch.setattr(module, name, (f"@ip-location-db/{package}", f"sha512-{digest}"))
    monkeypatch.setattr(module, "KNOWN", ("8.8.8.8",))
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\nlast=${{last#*/}}\ncp "{shelf}/${{last%@*}}.tgz" .\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    return module


def _archive(package: str) -> bytes:
    first = int(ip_address("8.8.8.0"))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as members:
        for name, text in FILES[package]:
            octets = text.format(first=first, last=first + 255).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(octets)
            members.addfile(member, io.BytesIO(octets))
    return file.getvalue()


def test_the_table_is_made_from_the_packages(maker: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "venv" / "networks.bin"
    maker.make(target)
    table = NetworkTable(memoryview(target.read_bytes()))
    assert table.find("8.8.8.8") == Network(15169, "Google, LLC", "US")
    assert table.edition == maker.EDITION
    assert [path.name for path in target.parent.iterdir()] == ["networks.bin"]


def test_another_digest_makes_no_table(maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "networks.bin"
    monkeypatch.setattr(maker, "COUNTRIES", (maker.COUNTRIES[0], maker.OWNERS[1]))
    with pytest.raises(maker.NoTable, match="another digest"):
        maker.make(target)
    assert not target.exists()


def test_a_table_without_well_known_addresses_is_none(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "KNOWN", ("8.8.9.9",))
    with pytest.raises(maker.NoTable, match="well-known"):
        maker.make(tmp_path / "networks.bin")


@pytest.mark.parametrize("npm", ["", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexit 0\n"], ids=["none", "fails", "empty"])
def test_without_the_packages_there_is_one_line(tmp_path: Path, npm: str) -> None:
    if npm:
        (tmp_path / "npm").write_text(npm)
        (tmp_path / "npm").chmod(0o755)
    done = subprocess.run(
        [sys.executable, MAKER, tmp_path / "networks.bin"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("set-up: no network owners and countries: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "networks.bin").exists()


@pytest.fixture
def fetch(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """Return a function that fetches, makes a table or not, and says what was run."""
    for name in bootstrap.NETWORK_MAKERS:
        (bootstrap.ROOT / name).parent.mkdir(exist_ok=True)
        (bootstrap.ROOT / name).write_text("pass\n")
    bootstrap.VENV.mkdir()

    def fetch(*, made: bool, again: bool = False) -> list[list[str]]:
        ran: list[list[str]] = []

        def run(arguments: Any, **_options: Any) -> bool:
            ran.append([str(part) for part in arguments])
            if made:
                bootstrap.NETWORKS.parent.mkdir(exist_ok=True)
                bootstrap.NETWORKS.touch()
            return made

        monkeypatch.setattr(bootstrap, "run", run)
        bootstrap.fetch_networks(again=again)
        return ran

    return fetch


def test_it_is_made_once_and_anew_when_its_maker_changes(
    bootstrap: ModuleType, fetch: Callable[..., list[list[str]]]
) -> None:
    assert fetch(made=True) == [
        [str(bootstrap.PYTHON), str(bootstrap.ROOT / ".ci" / "networks.py"), str(bootstrap.NETWORKS)]
    ]
    assert fetch(made=True) == []
    (bootstrap.ROOT / bootstrap.NETWORK_MAKERS[0]).write_text("other\n")
    assert fetch(made=True)
    bootstrap.NETWORKS.unlink()
    assert fetch(made=True)


def test_a_failure_is_tried_again_the_next_day_or_when_tests_ask(
    bootstrap: ModuleType, fetch: Callable[..., list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tomorrow:
        @staticmethod
        def today() -> "Tomorrow":
            return Tomorrow()

        def isoformat(self) -> str:
            return "2999-01-01"

    assert fetch(made=False)
    assert fetch(made=False) == []
    assert fetch(made=False, again=True)
    monkeypatch.setattr(bootstrap, "date", Tomorrow)
    assert fetch(made=False)


def test_the_maker_needs_the_standard_library_and_the_table_only() -> None:
    for path in (MAKER, ROOT / "domains" / "network_table.py"):
        tree = ast.parse(path.read_text())
        names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert names - {"domains.network_table"} <= set(sys.stdlib_module_names) | {"collections.abc"}
