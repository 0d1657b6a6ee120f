"""What a sender asked to be told (RFC 3461 section 4): kept with a forward, passed on, and obeyed by our reports.

The values stay as they came on the wire (xtext), so that they can be passed on; they were checked at the door.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailboxes.smtp.parameters import decode_xtext


@dataclass(frozen=True, slots=True)
class DsnRequest:
    """``ret`` and ``envid`` of MAIL; NOTIFY and ORCPT by recipient, as its forward path was given; empty without."""

    ret: str = ""
    envid: str = ""
    notify: Mapping[str, str] = field(default_factory=dict)
    orcpt: Mapping[str, str] = field(default_factory=dict)

    def wants(self, recipient: str, notice: str) -> bool:
        """True when the sender wants to be told ``FAILURE`` or ``SUCCESS``; failures are told unless refused."""
        asked = self.notify.get(recipient, "FAILURE").upper().split(",")
        return notice in asked

    def moved(self, recipient: str, addresses: Sequence[str]) -> "DsnRequest":
        """Return the request for the copies that go to ``addresses`` in the place of ``recipient``."""
        notify = dict.fromkeys(addresses, self.notify[recipient]) if recipient in self.notify else {}
        orcpt = dict.fromkeys(addresses, self.orcpt[recipient]) if recipient in self.orcpt else {}
        return DsnRequest(self.ret, self.envid, notify, orcpt)

    def as_json(self) -> dict[str, Any]:
        """Return the request as the queue keeps it, without what was not asked."""
        parts = {"ret": self.ret, "envid": self.envid, "notify": dict(self.notify), "orcpt": dict(self.orcpt)}
        return {name: value for name, value in parts.items() if value}


NOTHING_ASKED = DsnRequest()


def dsn_request(
    parameters: Mapping[str, str], paths: Sequence[str], of_paths: Sequence[Mapping[str, str]]
) -> DsnRequest:
    """Return what MAIL and the accepted RCPTs asked for."""
    named = list(zip(paths, of_paths, strict=True))
    return DsnRequest(
        parameters.get("RET", ""),
        parameters.get("ENVID", ""),
        {path: given["NOTIFY"] for path, given in named if "NOTIFY" in given},
        {path: given["ORCPT"] for path, given in named if "ORCPT" in given},
    )


def restored_request(stored: object) -> DsnRequest:
    """Return the request from the queue's JSON; nothing asked when there is none."""
    return DsnRequest(**stored) if isinstance(stored, dict) else NOTHING_ASKED


def original_recipient(orcpt: str) -> str:
    """Return ``type; address`` for a report (RFC 3464 section 2.3.1)."""
    kind, _, address = orcpt.partition(";")
    return f"{kind}; {decode_xtext(address)}"
