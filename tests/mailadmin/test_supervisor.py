"""The whole host: start, restart of what dies, stop, kill -9, refusals; on real PostgreSQL and Redis of its own."""

import os
import shutil
import signal
import socket
import ssl
import stat
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import STRICT
from tests.external import PASSWORD as PASSWORD_OF_SERVERS
from tests.external import external_servers, missing
from tests.mailadmin.host_process import ROOT, Host, lives, wait_until

PASSWORD = "correct horse battery staple"
TOKEN = "t" * 40


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One installation for the module's tests, which run in their order."""
    made = Host(
        tmp_path_factory.mktemp("host"),
        MAILADMIN_ADMIN_EMAIL="alice@example.org",
        MAILADMIN_ADMIN_PASSWORD=PASSWORD,
        MAILADMIN_API_TOKEN=TOKEN,
    )
    yield made
    made.clean()


def running(host: Host) -> Host:
    """Start it unless a test before left it running."""
    if host.process is None or host.process.poll() is not None:
        host.start()
        host.await_ready()
    return host


def test_cold_start_ends_in_ready_and_health_names_every_part(host: Host) -> None:
    begin = time.monotonic()
    host.start()
    line = host.await_ready()
    assert time.monotonic() - begin < 15
    assert f"http://localhost:{host.ports['HTTP']}" in line
    status, answer = host.health()
    assert (status, answer["status"]) == (200, "ok")
    wanted = {"database", "redis", "web", "jobs", "beat", "mx", "submission", "imap", "pop3", "relay"}
    assert set(answer["parts"]) >= wanted
    for name in ("MX", "IMAP", "POP3", "SUBMISSIONS"):
        with socket.create_connection(("127.0.0.1", host.ports[name]), 5) as client:
            assert client.recv(10).startswith(b"220")


def test_https_answers_with_the_certificate_made_at_the_first_start(host: Host) -> None:
    running(host)
    folder = host.data / "tls"
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    context = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    with urllib.request.urlopen(f"https://localhost:{host.ports['HTTPS']}/healthz", context=context) as answer:
        assert answer.status == 200


def test_secrets_of_the_environment_reach_no_process(host: Host) -> None:
    running(host)
    assert host.process is not None
    pids = [host.process.pid, *host.pids().values()]
    assert len(pids) >= 7
    for pid in pids:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert PASSWORD.encode() not in environment
        assert TOKEN.encode() not in environment


def test_stores_listen_on_unix_sockets_only(host: Host) -> None:
    running(host)
    stores = {host.pids()["postgres"], host.pids()["redis"]}
    inodes = {
        os.readlink(link)
        for pid in stores
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if os.path.lexists(link) and "socket:" in os.readlink(link)
    }
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()]
    assert not [row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def test_a_second_start_on_the_same_data_is_refused_with_one_line(host: Host) -> None:
    running(host)
    assert host.process is not None
    status, console = host.run_refused()
    assert status == 2
    assert (
        console.strip() == f"mailadmin: {host.data} is in use: mailadmin runs already as process {host.process.pid}"
    )
    assert host.health()[0] == 200


@pytest.mark.parametrize("name", ["mail0", "web", "jobs", "beat", "redis", "postgres"])
def test_what_is_killed_comes_back(host: Host, name: str) -> None:
    running(host)
    before = host.pids()[name]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: host.pids().get(name) not in (None, before), 15)
    time.sleep(1)  # an answer given before the death is remembered for half a second
    wait_until(lambda: host.health()[0] == 200, 25)
    assert f"{name} ended by SIGKILL" in host.output()


def test_health_tells_what_is_down(host: Host) -> None:
    running(host)
    pid = host.pids()["redis"]
    os.kill(pid, signal.SIGSTOP)
    try:
        _status, answer = wait_until(lambda: (found := host.health())[0] == 503 and found, 10)
        assert answer["status"] == "down"
        assert answer["parts"]["redis"] != "ok"
        assert answer["parts"]["mx"] == answer["parts"]["database"] == "ok"
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: host.health()[0] == 200, 20)


def test_sigterm_stops_everything_within_ten_seconds(host: Host) -> None:
    running(host)
    before = host.group_pids()
    assert host.stop() < 10
    assert host.process is not None
    assert host.process.returncode == 0
    assert not [pid for pid in before if lives(pid)]


def test_a_warm_start_finds_all_as_it_was(host: Host) -> None:
    begin = time.monotonic()
    host.start()
    host.await_ready()
    assert time.monotonic() - begin < 8  # 5 s on an idle machine, see bench/startup.py
    assert "set-up link" not in host.output()


def test_the_start_after_a_kill_of_the_supervisor_ends_what_is_left(host: Host) -> None:
    running(host)
    frozen = host.pids()["mail0"]
    os.kill(frozen, signal.SIGSTOP)  # does not even hear that its parent died
    before = host.group_pids()
    assert host.process is not None
    host.process.kill()
    host.process.wait()
    host.start()
    host.await_ready()
    assert not [pid for pid in before if lives(pid)]
    host.stop()


def test_an_occupied_port_is_one_line(host: Host) -> None:
    if host.process is not None and host.process.poll() is None:
        host.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", host.ports["MX"]))
        taken.listen()
        status, console = host.run_refused()
    assert status == 2
    lines = console.strip().splitlines()
    assert lines == [
        f"mailadmin: MAILADMIN_MX_PORT={host.ports['MX']} cannot be opened at 127.0.0.1: "
        "Address already in use; choose another port"
    ]


def test_a_file_or_an_address_that_is_not_there_is_one_line(host: Host) -> None:
    assert host.run_refused(MAILADMIN_CA_FILE="/nope") == (2, "mailadmin: MAILADMIN_CA_FILE=/nope cannot be read\n")
    status, console = host.run_refused(MAILADMIN_BIND="203.0.113.9")
    assert status == 2
    assert console.count("\n") == 1
    assert "MAILADMIN_BIND takes this host's addresses" in console


def test_another_master_key_is_refused_with_one_line(host: Host, tmp_path: Path) -> None:
    status, console = host.run_refused(MAILADMIN_SECRETS=str(tmp_path / "other"))
    assert status == 2
    lines = [line for line in console.splitlines() if line.startswith("mailadmin:")]
    assert len(lines) == 1
    assert "sealed with the master key" in lines[0]
    assert "MAILADMIN_SECRETS" in lines[0]


def test_an_unreachable_database_is_one_line_without_its_password(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import mailadmin.runner.waits as waits\nwaits.DATABASE_SECONDS = 1.0\n")
    status, console = host.run_refused(
        DATABASE_URL="postgresql://bob:geheim@127.0.0.1:1/none",
        REDIS_URL="redis://127.0.0.1:1/0",
        PYTHONPATH=f"{site}:{ROOT}",
    )
    assert status == 2
    assert "DATABASE_URL=postgresql://bob:…@127.0.0.1:1/none cannot be reached" in console
    assert "geheim" not in console


@pytest.mark.skipif(bool(missing()) and not STRICT, reason=f"{missing()} is missing")
def test_external_servers_serve_and_redis_may_come_later(tmp_path: Path) -> None:
    with external_servers() as servers:
        host = Host(tmp_path, DATABASE_URL=servers.database_url, REDIS_URL=servers.redis_url)
        try:
            servers.broker.send_signal(signal.SIGSTOP)
            host.start()
            wait_until(lambda: "cannot be reached" in host.output(), 20)
            wait_until(lambda: _greets(host.ports["MX"]), 15)  # mail is served all the same
            assert "mailadmin ready" not in host.output()
            servers.broker.send_signal(signal.SIGCONT)
            host.await_ready()
            assert set(host.pids()) == {"web", "mail0", "jobs", "beat"}
            assert PASSWORD_OF_SERVERS not in host.output()
            assert host.stop() < 10
        finally:
            servers.broker.send_signal(signal.SIGCONT)
            host.clean()


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as client:
            return client.recv(3) == b"220"
    except OSError:
        return False


def test_make_up_stops_with_make(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is missing")
    host = Host(tmp_path)
    try:
        host.start("make", "up")
        host.await_ready(60)
        assert f"http://localhost:{host.ports['HTTP']}/setup/" in wait_until(
            lambda: host.output() if "set-up link" in host.output() else "", 5
        )
        held = (host.data / "run" / "setup-token").read_text()
        assert held not in host.output()
        before = host.group_pids()
        assert host.stop() < 10
        assert not [pid for pid in before if lives(pid)]
        host.start("make", "up")
        host.await_ready(60)
        before = host.group_pids()
        host.stop(signal.SIGKILL)  # make cannot forward this one
        wait_until(lambda: not [pid for pid in before if lives(pid)], 12)
    finally:
        host.clean()
