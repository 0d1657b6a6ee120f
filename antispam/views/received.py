"""The part of both pages that try a record which tells of mail that came in here."""

from typing import Any

from antispam.services.received import MOST, shown_flips
from antispam.tried import Tried
from domains.audit import Act

FLIPS = 100


def received_values(act: Act, found: Tried) -> dict[str, Any]:
    """Return what ``antispam/_received.html`` shows."""
    flips = shown_flips(act, found.flips[:FLIPS])
    return {"received": found, "received_flips": flips, "most_received": MOST}
