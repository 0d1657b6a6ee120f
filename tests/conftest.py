"""What every test stands on: real PostgreSQL and Redis, a data folder of its own, and programs that may be missing.

Without ``DATABASE_URL`` and ``REDIS_URL`` the product's embedded servers run for the session, on Unix sockets, with
``fsync`` off. All of it is decided before Django reads its settings.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

STRICT = os.environ.get("MAILADMIN_TEST_STRICT") == "1"
QUICK = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "2GB", "autovacuum": "off"}
ROOT = Path(__file__).resolve().parent.parent
_given: list[str] = []
_started: list[tuple[int, signal.Signals]] = []


def _begin() -> None:
    """Give the session its data folder and servers; called once, when this file is loaded."""
    sys.path.insert(0, str(ROOT))
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    for name in [name for name in os.environ if name.startswith("MAILADMIN_")]:
        if not name.startswith("MAILADMIN_TEST_"):
            del os.environ[name]
    data = Path(tempfile.mkdtemp(prefix="mailadmin-test-"))
    _give("MAILADMIN_DATA", str(data))
    _give("MAILADMIN_RESOLVER", "127.0.0.1:1")
    atexit.register(_end, data, os.getpid())
    if not os.environ.get("DATABASE_URL") or not os.environ.get("REDIS_URL"):
        _start_servers(data)
    _give("DJANGO_SETTINGS_MODULE", "mailadmin.settings")
    from django.conf import settings

    assert settings.MAILADMIN.data == data, "the settings were read before the session had its folder"


def _start_servers(data: Path) -> None:
    """Start what no URL names."""
    from mailadmin.runner.places import embedded_database_url, embedded_redis_url, make_socket_folder
    from mailadmin.runner.postgres import EmbeddedPostgres
    from mailadmin.runner.redis_server import EmbeddedRedis

    make_socket_folder(data)
    if not os.environ.get("DATABASE_URL"):
        database = EmbeddedPostgres(data, QUICK)
        database.prepare()
        pid = database.start()
        _started.append((pid, signal.SIGQUIT))
        database.wait_ready(pid)
        _give("DATABASE_URL", embedded_database_url(data))
    if not os.environ.get("REDIS_URL"):
        broker = EmbeddedRedis(data)
        pid = broker.start()
        _started.append((pid, signal.SIGTERM))
        broker.wait_ready(pid)
        _give("REDIS_URL", embedded_redis_url(data))


def _give(name: str, value: str) -> None:
    """Set a variable for this process and the programs that it runs."""
    os.environ[name] = value
    _given.append(name)


def _end(data: Path, owner: int) -> None:
    """End what was started and remove the folder; a forked child does nothing of it."""
    if os.getpid() != owner:
        return
    from mailadmin.runner.places import socket_folder

    for pid, number in _started:
        try:
            os.kill(pid, number)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue
    shutil.rmtree(socket_folder(data), ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)


_begin()


def needs_program(*names: str) -> Any:
    """Mark tests that run Debian programs: without one they are left out by name, and fail when nothing may be."""
    absent = [name for name in names if shutil.which(name) is None]
    if absent and STRICT:
        return pytest.mark.missing_program(names=absent)
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} is missing")


def pytest_configure(config: pytest.Config) -> None:
    """Make our marks known."""
    config.addinivalue_line("markers", "missing_program(names): a program is missing where nothing may be left out")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Before the processes that run the tests begin: each has a folder and servers of its own."""
    for name in _given:
        os.environ.pop(name, None)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name packed octets by their kind: gzip holds the time of its making, and all processes must collect alike."""
    return "gzip" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave long profiles out unless they were asked for."""
    if os.environ.get("MAILADMIN_TEST_SOAK") == "1":
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="a long profile: make soak"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose program is missing, in a strict run."""
    mark = item.get_closest_marker("missing_program")
    if mark is not None:
        pytest.fail(f"{', '.join(mark.kwargs['names'])} is missing, and nothing may be left out", pytrace=False)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the session's MAILADMIN_DATA."""
    return Path(os.environ["MAILADMIN_DATA"])


@pytest.fixture(autouse=True)
def _fresh_facts() -> None:
    """Forget what an earlier test's database said of certificates, and the language of its last request."""
    from django.utils import translation

    from domains.services.certificate_facts import forget_facts

    forget_facts()
    translation.deactivate()
