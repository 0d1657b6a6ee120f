"""The certificate in use, as another server judges it: by a TLS handshake in memory."""

import ssl
from pathlib import Path

from domains.tls.pair import Pair, load_pair

_FLIGHTS = 4


def certificate_fault(pair: Pair, hostname: str, ca_file: Path | None) -> str:
    """Return why a client that calls ``hostname`` would not trust the certificate; empty when it would.

    ``ca_file`` holds the authorities to trust, None: the system's.
    """
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_pair(server, pair)
        client = ssl.create_default_context(cafile=ca_file)
        _shake_hands(client, server, hostname)
    except ssl.SSLCertVerificationError as fault:
        return str(fault.verify_message)
    except OSError as fault:  # ssl.SSLError is one
        return str(fault.strerror or fault)
    return ""


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, hostname: str) -> None:
    """Complete a handshake between both; raises ssl.SSLError."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(down, up, server_hostname=hostname)
    answers = server.wrap_bio(up, down, server_side=True)
    for _ in range(_FLIGHTS):
        waiting = 0
        for side in (asks, answers):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return
    raise ssl.SSLError("the handshake does not end")
