"""A real certificate authority over ACME: Debian's pebble on loopback, with a root of its own."""

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.ports import free_port

PEBBLE = shutil.which("pebble")
NAME = "ca.example"


class AcmeServer:
    """Serves while entered as a context; it asks ``dns`` (address:port) for names, and names at ``http_port``.

    ``ca_file`` is what its own HTTPS is verified with; ``root()`` the root of what it issues.
    """

    def __init__(self, folder: Path, dns: str, http_port: int, **variables: str) -> None:
        self.folder, self.dns, self.http_port, self.variables = folder, dns, http_port, variables
        self.port, self.management_port = free_port(), free_port()
        self.options: dict[str, Any] = {}
        self.authority = Authority(folder)
        self.ca_file = self.authority.ca_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory_url(self) -> str:
        """The directory, by a name that its DNS must lead to 127.0.0.1."""
        return f"https://{NAME}:{self.port}/dir"

    def __enter__(self) -> "AcmeServer":
        certificate, key = self.authority.issue(NAME, "localhost")
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management_port}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": self.http_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config | self.options}))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert PEBBLE is not None
        quick: Mapping[str, str] = {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": "20",
            "PEBBLE_AUTHZREUSE": "0",
        }
        with (self.folder / "pebble.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PEBBLE, "-config", str(self.folder / "pebble.json"), "-dnsserver", self.dns],
                env={**os.environ, **quick, **self.variables},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 10
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "pebble.log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; it forgets all that it knew."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)

    def _answers(self) -> bool:
        try:
            return bool(self._get(self.port, "/dir"))
        except OSError:
            return False

    def _get(self, port: int, path: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(f"https://localhost:{port}{path}", context=context, timeout=5) as answer:
            return bytes(answer.read())

    def root(self) -> Path:
        """Return a file with the root of what it issues."""
        path = self.folder / "root.pem"
        path.write_bytes(self._get(self.management_port, "/roots/0"))
        return path

    def log(self) -> str:
        """Return what it wrote."""
        return (self.folder / "pebble.log").read_text()
