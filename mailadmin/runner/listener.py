"""What a worker runs: listeners by their specification, and the small protocol that every service meets."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mailboxes.connection import ConnectionFactory, Peer


class TlsMode(StrEnum):
    """When TLS begins."""

    NONE = "none"
    STARTTLS = "starttls"  # the client asks for it inside the dialogue
    IMPLICIT = "implicit"  # before the first octet


class ServiceState(StrEnum):
    """How a service or listener stands."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


def ignore_refusal(_peer: Peer) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """One socket of a service: where it listens, how TLS begins, and who speaks on it.

    ``refusal`` is what a client over its connection budget is told before the connection closes (plain sockets only);
    ``on_refused`` hears of it. Above ``capacity`` open connections only unlimited networks come in, and from half of
    it on the listener is under stress.
    """

    service: str
    address: str
    port: int
    tls: TlsMode
    factory: ConnectionFactory
    refusal: bytes = b""
    backlog: int = 1024
    capacity: int = 5000
    on_refused: Callable[[Peer], None] = ignore_refusal


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """One socket as the page *Services* shows it; ``since`` is ISO 8601, empty while it does not listen."""

    address: str
    port: int
    tls: str
    state: str
    open: int = 0
    total: int = 0
    refused: int = 0
    since: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service of a worker; ``detail`` holds figures of services without sockets, such as the relay."""

    name: str
    state: str
    listeners: tuple[ListenerStatus, ...] = ()
    error: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values only."""
        return asdict(self)


class Service(Protocol):
    """Something that a mail worker runs on its event loop."""

    @property
    def name(self) -> str:
        """The name in ``MAILADMIN_SERVICES``."""
        ...

    async def start(self) -> None:
        """Begin; returns once it runs or has failed for now (then ``status`` says why, and it tries again)."""
        ...

    async def drain(self, seconds: float) -> None:
        """Take nothing new and return when what ran has ended, or after so many seconds."""
        ...

    async def stop(self) -> None:
        """End at once what still runs."""
        ...

    def status(self) -> ServiceStatus:
        """How it stands now."""
        ...


ServiceBuilder = Callable[[], list[Service]]
