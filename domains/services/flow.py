"""How much mail each domain took and sent in a span of time, told from the traces' heads: one query."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Func, TextField

from domains.audit import Act
from domains.identifiers import identifier_at
from domains.services.traces import traces_for

GONE_WRONG = ("refused", "bounced", "dropped", "failed")


@dataclass(slots=True)
class Flow:
    """Messages of one domain: taken in, refused or failed on the way in, sent, failed or waiting on the way out."""

    received: int = 0
    refused: int = 0
    sent: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.received + self.refused + self.sent + self.failed


class _Each(Func):
    """One row for every element of an array."""

    function = "unnest"
    set_returning = True
    output_field = TextField()


def flow_by_domain(act: Act, since: datetime, until: datetime) -> dict[str, Flow]:
    """Return the flow of each domain, by name in A-labels, of messages received in ``[since, until)``."""
    rows = (
        traces_for(act).filter(pk__gte=identifier_at(since), received_at__gte=since, received_at__lt=until).order_by()
    )
    heads = rows.annotate(name=_Each(F("domains"))).values("name", "direction", "outcome")
    flows: dict[str, Flow] = {}
    for row in heads.annotate(count=Count("pk")):
        _add(flows.setdefault(row["name"], Flow()), row["direction"], row["outcome"], row["count"])
    return flows


def _add(flow: Flow, direction: str, outcome: str, count: int) -> None:
    wrong = outcome in GONE_WRONG
    if direction == "in":
        flow.refused += count if wrong else 0
        flow.received += 0 if wrong else count
    else:
        flow.failed += count if wrong else 0
        flow.sent += 0 if wrong else count
