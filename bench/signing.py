"""CPU of signing one message of 4 kB with RSA-2048 and Ed25519, beside dkimpy as it comes; and growth with size.

    python -m bench.signing [--messages 500]

The target is 0.5 ms for both signatures of a 4 kB message. dkimpy as it comes runs in a process of its own, for the
product replaces parts of the library where it is imported; it has no Ed25519 without another package, so it signs
with RSA alone.
"""

import argparse
import subprocess
import sys
import time

LINE = b"All work and no play makes a dull line of text.\r\n"
TARGET_MS = 0.5


def make_message(size: int) -> bytes:
    """Return a message of about ``size`` octets."""
    head = b"From: bench@load.example\r\nTo: alice@acme.example\r\nSubject: Bench\r\nMessage-ID: <1@load.example>\r\n"
    return head + b"Date: Tue, 24 Nov 2026 12:00:00 +0000\r\n\r\n" + LINE * (size // len(LINE))


def measure_product(messages: int, size: int) -> float:
    """Return milliseconds of CPU a message, both keys."""
    from domains.dkim.keys import generate_key, load_key
    from domains.dkim.sign import LoadedKey, sign

    names = ("rsa2048", "ed25519")
    keys = [LoadedKey(name, name, load_key(generate_key(name).private_der)) for name in names]
    octets = make_message(size)
    sign(octets, "load.example", keys)
    begin = time.process_time()
    for _ in range(messages):
        sign(octets, "load.example", keys)
    return (time.process_time() - begin) / messages * 1000


def measure_library(messages: int, size: int) -> float:
    """Return milliseconds of CPU a message for dkimpy with RSA-2048; to be run in a process of its own."""
    import dkim
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    octets = make_message(size)
    begin = time.process_time()
    for _ in range(messages):
        dkim.sign(octets, b"s", b"load.example", pem, canonicalize=(b"relaxed", b"relaxed"))
    return (time.process_time() - begin) / messages * 1000


def main() -> int:
    """Print the figures; the status is 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--library", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.library:
        print(measure_library(max(20, chosen.messages // 10), 4096))
        return 0
    ours = measure_product(chosen.messages, 4096)
    command = [sys.executable, "-m", "bench.signing", "--library", "--messages", str(chosen.messages)]
    theirs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"4 kB, RSA-2048 and Ed25519: {ours:.3f} ms of CPU a message, target {TARGET_MS} ms")
    print(f"4 kB, dkimpy as it comes, RSA-2048 alone: {theirs:.3f} ms; ratio {ours / theirs:.2f}")
    for size in (100_000, 1_000_000, 10_000_000):
        cost = measure_product(max(1, 2_000_000 // size), size)
        print(f"{size // 1000} kB: {cost:.2f} ms, {cost / size * 1e6:.2f} ms a MB")
    return 0 if ours <= TARGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
