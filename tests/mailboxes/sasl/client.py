"""The client's side of SCRAM-SHA-256, written from RFC 5802 for tests."""

import hmac
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256


class ScramClient:
    """One exchange; ``binding`` is the certificate's hash, for SCRAM-SHA-256-PLUS."""

    def __init__(self, username: str, password: str, binding: bytes | None = None, nonce: bytes = b"client") -> None:
        self.mechanism = "SCRAM-SHA-256" if binding is None else "SCRAM-SHA-256-PLUS"
        self._password = password.encode()
        self._header = b"n,," if binding is None else b"p=tls-server-end-point,,"
        self._binding = binding or b""
        escaped = username.replace("=", "=3D").replace(",", "=2C").encode()
        self._bare = b"n=" + escaped + b",r=" + nonce
        self._expected = b""

    def first(self) -> bytes:
        """The client-first-message."""
        return self._header + self._bare

    def final(self, challenge: bytes) -> bytes:
        """The client-final-message."""
        parts = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = pbkdf2_hmac("sha256", self._password, b64decode(parts[b"s"]), int(parts[b"i"]))
        client_key = hmac.digest(salted, b"Client Key", sha256)
        without_proof = b"c=" + b64encode(self._header + self._binding) + b",r=" + parts[b"r"]
        message = b",".join((self._bare, challenge, without_proof))
        signature = hmac.digest(sha256(client_key).digest(), message, sha256)
        self._expected = b"v=" + b64encode(hmac.digest(hmac.digest(salted, b"Server Key", sha256), message, sha256))
        return without_proof + b",p=" + b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))

    def answer(self, challenge: bytes) -> bytes:
        """What ``imaplib`` asks for: the next message for each challenge; the server's proof is checked."""
        if not challenge:
            return self.first()
        if challenge.startswith(b"v="):
            assert challenge == self._expected
            return b""
        return self.final(challenge)
