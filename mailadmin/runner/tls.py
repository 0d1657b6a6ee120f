"""The certificates in use: chosen by the name that the client asks for, replaced without touching running sessions.

The host's own files serve the mail host when the operator set them, and whatever has no certificate of its own. All
others come from the database, where every host of an installation finds them (``domains.services.serving``).
"""

import logging
import ssl
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from domains.tls.pair import Pair, covers, load_pair, read_pair

logger = logging.getLogger("mailadmin.runner")

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
WATCH_SECONDS = 15.0
FIRST_LOOK_SECONDS = 5.0
HELD_CONTEXTS = 256


class CertificateFault(Exception):
    """The certificate or its key cannot be used; ``str()`` says which file and why."""


class Issued(Protocol):
    """The certificates that were ordered."""

    def look(self) -> Mapping[str, Pair]:
        """Return them as they are now by name; the same object while nothing changed. May raise what it likes."""
        ...


def make_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server context of two files; raises CertificateFault."""
    try:
        return _context(read_pair(certificate, key))
    except OSError as fault:
        raise CertificateFault(f"{certificate} with {key}: {fault.strerror or fault}") from fault


def _context(pair: Pair) -> ssl.SSLContext:
    """Return a server context: TLS 1.2 and up, forward secrecy only, no renegotiation; raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    load_pair(context, pair)
    return context


class Certificates:
    """All certificates of this host; ``current`` gives the context for new handshakes, which chooses by name.

    ``given``: the operator set the files, so they win over whatever was ordered for the names they cover.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        hostname: str = "",
        given: bool = False,
        issued: Issued | None = None,
    ) -> None:
        self._files = (certificate, key)
        self._hostname = hostname
        self._given = given
        self._issued = issued
        self._stamp: tuple[int, ...] = ()
        self._door: ssl.SSLContext | None = None
        self._own: ssl.SSLContext | None = None
        self._own_chain = b""
        self._pairs: Mapping[str, Pair] = {}
        self._contexts: OrderedDict[str, tuple[Pair, ssl.SSLContext]] = OrderedDict()
        self._looked = threading.Event()
        self._fault = ""

    def current(self) -> ssl.SSLContext:
        """Return the context for handshakes, loaded at the first call; raises CertificateFault."""
        if self._door is None:
            self.reload()
        assert self._door is not None
        return self._door

    def offered(self) -> ssl.SSLContext | None:
        """Return the context, or None while no certificate can be loaded: STARTTLS is then not offered."""
        try:
            return self.current()
        except CertificateFault:
            return None

    def reload(self) -> None:
        """Read the files again for all handshakes to come; raises CertificateFault and keeps the old pair."""
        stamp = self._stamp_now()
        own = make_context(*self._files)
        self._own_chain = self._files[0].read_bytes()
        self._own, self._stamp = own, stamp
        if self._door is None:
            door = make_context(*self._files)
            door.sni_callback = self._choose
            self._door = door

    def _stamp_now(self) -> tuple[int, ...]:
        """Return what changes with the files; raises CertificateFault."""
        try:
            found = [path.stat() for path in self._files]
        except OSError as fault:
            raise CertificateFault(f"{fault.filename}: {fault.strerror}") from fault
        return tuple(number for one in found for number in (one.st_mtime_ns, one.st_ino, one.st_size))

    # ---- One handshake ------------------------------------------------------------------------------------------

    def _choose(self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, _door: ssl.SSLContext) -> None:
        """Give a handshake the certificate of the name asked for, without one or for an unknown name the host's."""
        chosen = self._chosen((name or "").lower().rstrip(".")) or self._chosen(self._hostname) or self._own
        if chosen is not None:
            handshake.context = chosen

    def _chosen(self, name: str) -> ssl.SSLContext | None:
        pair = self._pairs.get(name)
        if pair is None or (self._given and (name == self._hostname or covers(self._own_chain, name))):
            return None
        held = self._contexts.get(name)
        if held is None or held[0] is not pair:
            held = self._made(name, pair)
        if held is not None:
            self._contexts.move_to_end(name)
        return held[1] if held is not None else None

    def _made(self, name: str, pair: Pair) -> tuple[Pair, ssl.SSLContext] | None:
        try:
            held = self._contexts[name] = (pair, _context(pair))
        except OSError as fault:
            logger.error("the certificate of %s cannot be used: %s", name, fault)
            return None
        while len(self._contexts) > HELD_CONTEXTS:
            self._contexts.popitem(last=False)
        return held

    # ---- Changes ------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look for new certificates from now on, in a thread; returns after the first look."""
        threading.Thread(target=self._watch, name="certificates", daemon=True).start()
        self._looked.wait(FIRST_LOOK_SECONDS)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            self.look()
            self._looked.set()
            pause.wait(WATCH_SECONDS)

    def look(self) -> None:
        """Use what changed, in the files and among those ordered; a fault is logged once and changes nothing."""
        fault = ""
        try:
            if self._issued is not None:
                self._pairs = self._issued.look()
        except Exception as error:
            fault = f"the ordered certificates cannot be read: {error}"
        try:
            if self._door is not None and self._stamp_now() != self._stamp:
                self.reload()
                logger.info("the certificate in %s is read again", self._files[0])
        except CertificateFault as error:
            fault = str(error)
        if fault and fault != self._fault:
            logger.error("%s", fault)
        self._fault = fault
