"""One audit record per change, written in the change's own transaction.

``Act`` says who acts and through which door; every service that changes something takes one as its first argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domains.models.actor import Actor, Role
from domains.models.audit import AuditRecord
from domains.trace import clean


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts: an actor or a token, with the role and domains in force, and the door used.

    ``domain_ids`` is None for a superadmin: everything is in reach.
    """

    name: str
    role: str
    door: str
    actor: Actor | None = None
    domain_ids: frozenset[int] | None = frozenset()
    address: str | None = None
    token_id: int | None = None

    @property
    def is_superadmin(self) -> bool:
        """True when everything is in reach."""
        return self.role == Role.SUPERADMIN


def system_act(door: str = "job") -> Act:
    """Return the act of the product itself: scheduled work and the console."""
    return Act(name="mailadmin", role=Role.SUPERADMIN, door=door, domain_ids=None)


def record(
    act: Act,
    action: str,
    object_type: str,
    object_name: str,
    domain: str = "",
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write one audit record; call it inside the transaction of the change. Secrets never go into ``changes``."""
    AuditRecord.objects.create(
        actor=act.actor,
        actor_name=act.name,
        door=act.door,
        address=act.address,
        action=action,
        object_type=object_type,
        object_name=object_name[:320],
        domain=domain,
        changes=clean(changes or {}),
    )
