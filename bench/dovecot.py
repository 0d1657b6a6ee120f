"""Runs Debian's Dovecot in its own folder, with its defaults, over Maildir: the peer of bench/imap."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
mail_location = maildir:{folder}/maildir
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 2000
ssl = required
ssl_cert = <{chain}
ssl_key = <{key}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
  process_limit = 2000
}}
service imap {{
  process_limit = 2000
}}
service anvil {{
  client_limit = 4000
}}
namespace inbox {{
  inbox = yes
}}
"""


@contextmanager
def dovecot(folder: Path, port: int, password: str, certificate: tuple[Path, Path]) -> Iterator[None]:
    """Run a Dovecot that serves one Maildir to any user with this password by IMAPS on 127.0.0.1:``port``."""
    for name in ("run", "maildir", "home"):
        (folder / name).mkdir(parents=True)
    for name, source in zip(("chain.pem", "key.pem"), certificate, strict=True):
        shutil.copy(source, folder / name)
    for name in ("maildir", "home"):
        shutil.chown(folder / name, "nobody", "nogroup")
    for place in (folder, *folder.parents[:-2]):
        place.chmod(place.stat().st_mode | 0o055)
    config = folder / "dovecot.conf"
    chain, key = folder / "chain.pem", folder / "key.pem"
    config.write_text(CONFIG.format(folder=folder, port=port, password=password, chain=chain, key=key))
    with subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(config)]) as running:
        try:
            time.sleep(1)
            yield
        finally:
            running.terminate()
