"""Runs Debian's Postfix in its own folder, with its defaults, delivering to Maildir: the peer of bench/inbound."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.peer.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks = 127.0.0.2/32
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/maildirs
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
maillog_file = {folder}/log/maillog
maillog_file_prefixes = {folder}
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
"""

MILTER = """
smtpd_milters = inet:127.0.0.1:{port}
milter_default_action = tempfail
"""

TLS = """
smtpd_tls_security_level = may
smtpd_tls_cert_file = {chain}
smtpd_tls_key_file = {key}
"""

SERVICES = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def postfix(
    folder: Path, port: int, domain: str, milter_port: int = 0, certificate: tuple[Path, Path] | None = None
) -> Iterator[Path]:
    """Run a Postfix that takes mail for ``domain`` on 127.0.0.1:``port``; yields the Maildir that it fills.

    With ``milter_port`` every message passes that milter; with ``certificate`` (PEM chain, key) STARTTLS is offered.
    """
    config = folder / "etc"
    for name in ("etc", "queue", "data", "log", "maildirs/box/new", "maildirs/box/tmp", "maildirs/box/cur"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    more = MILTER.format(port=milter_port) if milter_port else ""
    more += TLS.format(chain=certificate[0], key=certificate[1]) if certificate else ""
    config.joinpath("main.cf").write_text(MAIN.format(folder=folder, domain=domain) + more)
    config.joinpath("master.cf").write_text(SERVICES.format(port=port))
    shutil.chown(folder / "data", "postfix", "postfix")
    for path in [folder / "maildirs", *(folder / "maildirs").rglob("*")]:
        os.chown(path, 65534, 65534)
    subprocess.run(["/usr/sbin/postfix", "-c", str(config), "start"], check=True, capture_output=True)
    try:
        yield folder / "maildirs" / "box"
    finally:
        subprocess.run(["/usr/sbin/postfix", "-c", str(config), "stop"], check=False, capture_output=True)


def wait_for_files(maildir: Path, count: int, seconds: float) -> float:
    """Wait until ``count`` messages lie in ``new``; returns the time waited, raises TimeoutError."""
    begun = time.perf_counter()
    while len(os.listdir(maildir / "new")) < count:
        if time.perf_counter() - begun > seconds:
            raise TimeoutError(f"only {len(os.listdir(maildir / 'new'))} of {count} messages were delivered")
        time.sleep(0.01)
    return time.perf_counter() - begun
