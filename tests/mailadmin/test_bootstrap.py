"""Set-up on machines without pip: the roads it tries, the stamp, and that it stays small and quick."""

import hashlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mailadmin.runner.certificate import ensure_certificate
from mailadmin.runner.tls import make_context

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the set-up's module, at work on another folder."""
    specification = importlib.util.spec_from_file_location("bootstrap", ROOT / ".ci" / "bootstrap.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    places = {"VENV": "", "PYTHON": "bin/python", "STAMP": "stamp.json", "NETWORKS": "networks/networks.bin"}
    for name, path in places.items():
        monkeypatch.setattr(module, name, tmp_path / ".venv" / path)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "requirements.txt").write_text("one==1\n")
    (tmp_path / "requirements-dev.txt").write_text("two==2\n")
    return module


@pytest.fixture
def calls(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record what would be run; a virtual environment can be made, without pip."""
    ran: list[list[str]] = []

    def run(arguments: Any, **_options: Any) -> bool:
        ran.append([str(part) for part in arguments])
        if "venv" in ran[-1]:
            if "--without-pip" not in ran[-1]:
                return False
            bootstrap.PYTHON.parent.mkdir(parents=True)
            bootstrap.PYTHON.touch()
        return "--version" not in ran[-1]

    monkeypatch.setattr(bootstrap, "run", run)
    return ran


def test_without_ensurepip_a_uv_that_is_there_installs(
    bootstrap: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/bin/{name}" if name == "uv" else None)
    bootstrap.install("runtime")
    assert calls[-1][:5] == ["/bin/uv", "pip", "install", "--python", str(bootstrap.PYTHON)]
    assert "--require-hashes" in calls[-1]


def test_the_stamp_spares_the_second_run(
    bootstrap: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/bin/{name}" if name == "uv" else None)
    bootstrap.install("dev")
    calls.clear()
    bootstrap.install("dev")
    bootstrap.install("runtime")  # the larger set holds the smaller
    assert calls == []
    (bootstrap.ROOT / "requirements.txt").write_text("one==1.1\n")
    bootstrap.install("runtime")
    assert calls


def test_a_failed_installation_leaves_no_stamp(
    bootstrap: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/bin/{name}" if name == "uv" else None)
    told = bootstrap.run
    monkeypatch.setattr(bootstrap, "run", lambda arguments, **more: told(arguments, **more) and "-r" not in arguments)
    with pytest.raises(bootstrap.CannotSetUp, match=r"requirements\.txt"):
        bootstrap.install("runtime")
    assert not bootstrap.STAMP.exists()


class Index(BaseHTTPRequestHandler):
    """A package index with two releases of pip."""

    wheel = b"a wheel"

    def do_GET(self) -> None:
        digest = hashlib.sha256(self.wheel).hexdigest()
        names = ("pip-9.0.3-py3-none-any.whl", "pip-24.10-py3-none-any.whl", "pip-24.9-py3-none-any.whl")
        page = "".join(f'<a href="../files/{name}#sha256={digest}">{name}</a>' for name in names)
        body = page.encode() if self.path == "/simple/pip/" else self.wheel
        self.send_response(200 if self.path in ("/simple/pip/", "/simple/files/pip-24.10-py3-none-any.whl") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep silent."""


@pytest.fixture
def index() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def test_without_pip_uv_and_apt_the_wheel_comes_from_the_configured_index(
    bootstrap: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _name: None)
    monkeypatch.setenv("PIP_INDEX_URL", index)
    bootstrap.install("runtime")
    wheel = bootstrap.VENV / "bootstrap" / "pip-24.10-py3-none-any.whl"
    assert wheel.read_bytes() == Index.wheel
    assert calls[-1][:3] == [str(bootstrap.PYTHON), f"{wheel}/pip", "install"]


def test_without_any_road_one_line_says_what_to_install(
    bootstrap: ModuleType, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _name: None)
    monkeypatch.setattr(bootstrap, "configured_index", lambda: "")
    with pytest.raises(bootstrap.CannotSetUp, match="python3-pip"):
        bootstrap.install("runtime")


def test_the_set_up_needs_the_standard_library_only() -> None:
    import ast

    tree = ast.parse((ROOT / ".ci" / "bootstrap.py").read_text())
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_the_lock_files_hold_hashes_and_no_index() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index" not in text


def test_every_direct_package_is_justified() -> None:
    told = (ROOT / "docs" / "dependencies.md").read_text()
    for name in ("requirements.in", "requirements-dev.in"):
        for line in (ROOT / name).read_text().splitlines():
            package = line.partition("[")[0].partition(">")[0].strip()
            if package and not package.startswith(("-", "#")):
                assert f"| {package} |" in told, f"{package} of {name} has no line in docs/dependencies.md"


def test_the_first_certificate_serves_and_stays(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls" / "certificate.pem", tmp_path / "tls" / "key.pem"
    assert ensure_certificate(certificate, key, "mx.example.org")
    make_context(certificate, key)
    before = certificate.read_bytes()
    assert not ensure_certificate(certificate, key, "mx.example.org")
    assert certificate.read_bytes() == before
    assert ensure_certificate(certificate, key, "other.example.org")  # the host was renamed
