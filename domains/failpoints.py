"""Named points where a test build dies at once, to prove that nothing accepted is lost.

Outside a test build (``MAILADMIN_TEST_BUILD=1``) a point does nothing whatever the environment says.
"""

import os
import random
import signal


def _parse(text: str) -> dict[str, float]:
    """Return name → probability of ``name,name:0.1``; a probability that is no number counts as 1."""
    points: dict[str, float] = {}
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, chance = item.partition(":")
        try:
            points[name] = float(chance) if chance else 1.0
        except ValueError:
            points[name] = 1.0
    return points


_TEST_BUILD = os.environ.get("MAILADMIN_TEST_BUILD") == "1"
_POINTS = _parse(os.environ.get("MAILADMIN_FAIL_POINTS", "")) if _TEST_BUILD else {}


def fail_point(name: str) -> None:
    """Kill this process with SIGKILL when a test build names the point, by its probability; else do nothing."""
    if _POINTS and random.random() < _POINTS.get(name, 0.0):  # noqa: S311 - chance, not a secret
        os.kill(os.getpid(), signal.SIGKILL)
