"""How long ``manage.py up`` takes to its ready line: cold (empty data folder), then warm; and to its end.

    python bench/startup.py [--runs 3] [--stub]

The targets are 15 s cold, 5 s warm, 10 s to stop. ``--stub`` puts one-line services in the mail services' place.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.mailadmin.host_process import Host

TARGETS = {"cold": 15.0, "warm": 5.0, "stop": 10.0}


def measure(runs: int, *, stub: bool) -> dict[str, list[float]]:
    """Return the seconds of each kind."""
    seconds: dict[str, list[float]] = {name: [] for name in TARGETS}
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="mailadmin-bench-") as folder:
            host = Host(Path(folder))
            if not stub:
                del host.environment["MAILADMIN_SERVICE_BUILDER"]
            try:
                for kind in ("cold", "warm"):
                    begin = time.monotonic()
                    host.start()
                    host.await_ready(90)
                    seconds[kind].append(time.monotonic() - begin)
                    seconds["stop"].append(host.stop())
            finally:
                host.clean()
    return seconds


def main() -> int:
    """Print a line for each kind; the status is 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stub", action="store_true")
    asked = parser.parse_args()
    good = True
    for kind, found in measure(asked.runs, stub=asked.stub).items():
        median = statistics.median(found)
        good = good and median <= TARGETS[kind]
        shown = " ".join(f"{value:.2f}" for value in found)
        print(f"{kind}: median {median:.2f} s, target {TARGETS[kind]:.0f} s, runs {shown}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
