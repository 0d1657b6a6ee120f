"""The certificate in use: one context for the next handshake, replaced without touching running sessions."""

import ssl
from pathlib import Path

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class CertificateFault(Exception):
    """The certificate or its key cannot be used; ``str()`` says which file and why."""


def make_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server context: TLS 1.2 and up, forward secrecy only, no renegotiation; raises CertificateFault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(certificate, key)
    except OSError as fault:  # ssl.SSLError is one
        raise CertificateFault(f"{certificate} with {key}: {fault.strerror or fault}") from fault
    return context


class Certificates:
    """The PEM pair of this host; ``current`` gives the context for one new handshake."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """Return the context in force, loaded at the first call; raises CertificateFault."""
        if self._context is None:
            self.reload()
        assert self._context is not None
        return self._context

    def offered(self) -> ssl.SSLContext | None:
        """Return the context, or None while no certificate can be loaded: STARTTLS is then not offered."""
        try:
            return self.current()
        except CertificateFault:
            return None

    def reload(self) -> None:
        """Read the files again for all handshakes to come; raises CertificateFault and keeps the old pair."""
        self._context = make_context(self._certificate, self._key)
