"""How much memory of their own processes take meanwhile: mapped files, which the kernel may drop, do not count."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def own_octets(pid: int) -> int:
    """Return the octets of memory that only this process has (RssAnon)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


@contextmanager
def growth_of(pids: Sequence[int]) -> Iterator[list[int]]:
    """Yield a list that gets, at the end, by how many octets each process grew at most; looked at every 2 ms."""
    before, done = [own_octets(pid) for pid in pids], threading.Event()
    peaks, grown = list(before), list[int]()

    def watch() -> None:
        while not done.wait(0.002):
            peaks[:] = [max(peak, own_octets(pid)) for peak, pid in zip(peaks, pids, strict=True)]

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield grown
    finally:
        done.set()
        thread.join()
        grown += [peak - first for peak, first in zip(peaks, before, strict=True)]
