"""A real name server: Debian's BIND on loopback, with zones that a TSIG key may update (RFC 2136, RFC 8945)."""

import base64
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests.ports import free_port

KEY_NAME = "panel-key"
SECRET = base64.b64encode(b"thirty-two octets of a test key!").decode()
NAMED = shutil.which("named", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))

OPTIONS = """
options {{
    directory "{folder}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};
    listen-on port {port} {{ 127.0.0.1; }}; recursion no; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
ZONE = 'zone "{name}" {{ type primary; file "{name}.zone"; allow-update {{ key "{key}"; }}; }};\n'
CONTENT = """$TTL 300
@ IN SOA ns.{name}. hostmaster.{name}. 1 3600 600 86400 5
@ IN NS ns.{name}.
ns IN A 127.0.0.1
"""


class NameServer:
    """Serves the zones while entered as a context; ``zones`` maps names to further lines of their zone files."""

    def __init__(self, folder: Path, zones: dict[str, str]) -> None:
        self.folder, self.zones, self.port = folder, zones, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "NameServer":
        self.folder.mkdir(parents=True, exist_ok=True)
        text = OPTIONS.format(folder=self.folder, port=self.port, key=KEY_NAME, secret=SECRET)
        for name, lines in self.zones.items():
            text += ZONE.format(name=name, key=KEY_NAME)
            (self.folder / f"{name}.zone").write_text(CONTENT.format(name=name) + lines)
        (self.folder / "named.conf").write_text(text)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert NAMED is not None
        with (self.folder / "log").open("ab") as log:
            command = [NAMED, "-g", "-n", "1", "-c", str(self.folder / "named.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 10
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; what was updated is kept in its journals."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)

    def _answers(self) -> bool:
        try:
            return bool(self.texts(next(iter(self.zones)), "SOA"))
        except (OSError, dns.exception.DNSException):
            return False

    def texts(self, name: str, rdtype: str) -> list[str]:
        """Return what it answers now, in the spelling of zone files, sorted."""
        query = dns.message.make_query(name, rdtype)
        response = dns.query.tcp(query, "127.0.0.1", timeout=2, port=self.port)
        wanted = dns.rdatatype.from_text(rdtype)
        return sorted(rdata.to_text() for rrset in response.answer if rrset.rdtype == wanted for rdata in rrset)
