"""Free ports for servers under test: below the range from which the kernel takes the ports of clients.

Tests run in several processes side by side; each counts through a range of its own, so that no port is given twice
between being chosen and being listened on.
"""

import itertools
import os
import socket

FIRST, PER_WORKER = 12_000, 4_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw4").removeprefix("gw")) % 5
_begin = FIRST + _WORKER * PER_WORKER
_turns = itertools.cycle(_begin + (os.getpid() * 97 + place) % PER_WORKER for place in range(PER_WORKER))


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return ports of this address that nobody uses at this moment."""
    found: list[int] = []
    for port in itertools.islice(_turns, PER_WORKER):
        if _is_free(address, port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"{address} has no {count} free ports from {_begin} on")


def free_port(address: str = "127.0.0.1") -> int:
    """Return one such port."""
    return free_ports(1, address)[0]


def _is_free(address: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
