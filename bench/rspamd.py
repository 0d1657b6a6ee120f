"""Runs Debian's rspamd in its own folder as a milter: with Postfix the peer of bench/inbound.

Two profiles. ``verify`` has only the modules that do what the product does here: SPF, DKIM, DMARC and ARC, and the
Authentication-Results field. ``stock`` is Debian's configuration as it comes, without Redis, with the DNS of the
bench for everything that it asks. In both the scanning is done in the milter's own processes (``self_scan``), two of
them, which saves rspamd a hop, and loopback counts as outside, else nothing would be verified.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = "/usr/bin/rspamd"
STOCK = Path("/etc/rspamd")
VERIFYING = frozenset({"spf", "dkim", "dmarc", "arc", "milter_headers"})
OPTIONS = """
dns {{ nameserver = ["127.0.0.1:{dns}"]; }}
local_addrs = "192.0.2.1/32";
check_local = true;
check_authed = true;
control_socket = "{folder}/control.sock mode=0600";
tempdir = "{folder}";
"""
FILES = {
    "worker-normal.inc": "enabled = false;\n",
    "worker-controller.inc": "enabled = false;\n",
    "worker-proxy.inc": 'bind_socket = "127.0.0.1:{port}";\ncount = 2;\n'
    'upstream "local" {{ default = yes; self_scan = yes; }}\n',
    "milter_headers.conf": 'use = ["authentication-results"];\nskip_local = false;\n',
    "logging.inc": 'level = "warning";\n',
    "dkim_signing.conf": "enabled = false;\n",
    "spf.conf": "check_local = true;\n",
    "dkim.conf": "check_local = true;\n",
    "dmarc.conf": "check_local = true;\n",
    "arc.conf": "check_local = true;\nsign_local = false;\n",
}


@contextmanager
def rspamd(folder: Path, port: int, dns_port: int, profile: str) -> Iterator[None]:
    """Run rspamd as a milter on 127.0.0.1:``port``, asking the DNS at ``dns_port``."""
    local, data = folder / "etc", folder / "data"
    (local / "local.d").mkdir(parents=True)
    (local / "override.d").mkdir()
    data.mkdir()
    files = FILES | {"options.inc": OPTIONS + ('filters = "dkim";\n' if profile == "verify" else "")}
    for name, text in files.items():
        (local / "local.d" / name).write_text(text.format(dns=dns_port, port=port, folder=data))
    if profile == "verify":
        others = [path.name for path in STOCK.joinpath("modules.d").glob("*.conf") if path.stem not in VERIFYING]
        for name in others:
            (local / "local.d" / name).write_text("enabled = false;\n")
    for path in (folder, data):
        path.chmod(0o755)
        shutil.chown(path, "_rspamd", "_rspamd")
    places = {"LOCAL_CONFDIR": local, "DBDIR": data, "RUNDIR": data, "LOGDIR": data}
    options = [part for name, place in places.items() for part in ("--var", f"{name}={place}")]
    command = [PROGRAM, "-f", "-c", str(STOCK / "rspamd.conf"), "-u", "_rspamd", "-g", "_rspamd", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("rspamd does not listen; its log lies in data/rspamd.log")


def installed() -> bool:
    """True when Debian's rspamd is there."""
    return os.access(PROGRAM, os.X_OK)
