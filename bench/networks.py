"""How long the networks of 10,000 addresses take to be found and summed, as the page of addresses does it.

    python -m bench.networks

Needs the table that set-up makes; no database.
"""

import os
import random
import statistics
import time
from datetime import date
from ipaddress import ip_address

import django

ADDRESSES = 10_000
ROUNDS = 9


def main() -> None:
    """Print the median of each step."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailadmin.settings")
    django.setup()
    from domains.networks import networks_known
    from domains.services.report_origins import located, origins_of
    from domains.services.report_sources import AddressLine

    if not networks_known():
        raise SystemExit("there is no table of networks: run the set-up with npm installed")
    dice = random.Random(26)
    texts = [str(ip_address(dice.randrange(1 << 24, 223 << 24))) for _ in range(ADDRESSES)]
    lines = [AddressLine(text, "unknown", "", 5, 0, 0, 0, 1, date.min, date.max) for text in texts]
    found, summed = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        places = located(lines)
        middle = time.perf_counter()
        origins_of(places)
        found.append(middle - begin)
        summed.append(time.perf_counter() - middle)
    finding, summing = statistics.median(found) * 1000, statistics.median(summed) * 1000
    print(f"found: {finding:.0f} ms, {finding / ADDRESSES * 1000:.1f} µs an address; summed: {summing:.0f} ms")


if __name__ == "__main__":
    main()
