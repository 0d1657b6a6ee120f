"""The composition root: configuration in, the services of a mail worker out.

Handlers and engines are imported when a worker builds its services, never at load: the web server and the jobs
worker need none of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mailadmin.runner.config import Config
from mailadmin.runner.listener import ListenerSpec, Service, TlsMode
from mailadmin.runner.serve import Door, ListenerService
from mailadmin.runner.sockets import local_addresses
from mailadmin.runner.tls import Certificates
from mailboxes.connection import ConnectionFactory

if TYPE_CHECKING:
    from mailboxes.outbound.relay import RelayService

SMTP_REFUSAL = b"421 4.7.0 Too many connections from your address\r\n"
MX_CAPACITY = 1000
IMAP_REFUSAL = b"* BYE [LIMIT] Too many connections from your address\r\n"
POP3_REFUSAL = b"-ERR [SYS/TEMP] Too many connections from your address\r\n"


def build_services() -> list[Service]:
    """Return this host's mail services, as the settings name them; certificates are read at the first handshake."""
    from django.conf import settings

    from mailadmin.runner.issued import certificates_of

    config = settings.MAILADMIN
    certificates = certificates_of(config, own_names_only=True)
    certificates.watch()
    set_certificates(certificates)
    door = Door(
        proxy_peers=config.proxy_peers,
        unlimited_networks=config.unlimited_networks,
        tls_context=certificates.current,
    )
    makers = {"mx": _mx, "submission": _submission, "imap": _imap, "pop3": _pop3}
    services: list[Service] = [
        ListenerService(name, list(make(config, certificates)), door)
        for name, make in makers.items()
        if name in config.services
    ]
    if "relay" in config.services:
        services.append(_relay(config))
    return [service for service in services if not isinstance(service, ListenerService) or service.specs]


_certificates: list[Certificates] = []


def set_certificates(certificates: Certificates) -> None:
    """Remember the pair in use, for the remote control."""
    _certificates[:] = [certificates]


def reload_certificates() -> None:
    """Read the certificates again; running sessions keep theirs; raises CertificateFault and keeps the old one."""
    for certificates in _certificates:
        certificates.reload()
        certificates.look()


def _mx(config: Config, certificates: Certificates) -> Iterator[ListenerSpec]:
    """The MX: port 25's dialogue with STARTTLS."""
    from antispam.inbound.handlers import InboundHandler
    from antispam.limits.shared import SharedCounts
    from antispam.listeners import MX_LIMITS, mx_connections

    handler = InboundHandler(SharedCounts(config.redis_url))
    factory = mx_connections(config.hostname, certificates.offered, handler, MX_LIMITS)
    for spec in _sockets(config, "mx", config.mx_port, TlsMode.STARTTLS, factory, SMTP_REFUSAL):
        yield replace(spec, capacity=MX_CAPACITY, on_refused=handler.refused_at_the_door)


def _submission(config: Config, certificates: Certificates) -> Iterator[ListenerSpec]:
    """Submission: 587 with STARTTLS, 465 under TLS."""
    from mailboxes.listeners import submission_connections

    factory = submission_connections(config.hostname, certificates.offered)
    yield from _sockets(config, "submission", config.submission_port, TlsMode.STARTTLS, factory, SMTP_REFUSAL)
    yield from _sockets(config, "submission", config.submissions_port, TlsMode.IMPLICIT, factory)


def _imap(config: Config, certificates: Certificates) -> Iterator[ListenerSpec]:
    """IMAP: 143 with STARTTLS, 993 under TLS."""
    from mailboxes.listeners import imap_connections

    factory = imap_connections(config.hostname, certificates.offered)
    yield from _sockets(config, "imap", config.imap_port, TlsMode.STARTTLS, factory, IMAP_REFUSAL)
    yield from _sockets(config, "imap", config.imaps_port, TlsMode.IMPLICIT, factory)


def _pop3(config: Config, certificates: Certificates) -> Iterator[ListenerSpec]:
    """POP3: 110 with STLS, 995 under TLS."""
    from mailboxes.listeners import pop3_connections

    factory = pop3_connections(config.hostname, certificates.offered)
    yield from _sockets(config, "pop3", config.pop3_port, TlsMode.STARTTLS, factory, POP3_REFUSAL)
    yield from _sockets(config, "pop3", config.pop3s_port, TlsMode.IMPLICIT, factory)


def _relay(config: Config) -> Service:
    """The outbound relay, made afresh at each start: its ports belong to the event loop."""
    from mailadmin.runner.background import BackgroundService

    return BackgroundService("relay", lambda: _relay_service(config))


def _relay_service(config: Config) -> "RelayService":
    from domains.dns.resolver import default_resolver
    from domains.redis import subscribe
    from mailboxes.delivery.deliver import deliver
    from mailboxes.delivery.resolve import resolve_for_relay
    from mailboxes.outbound.attempt import Reach
    from mailboxes.outbound.enqueue import enqueue_notice
    from mailboxes.outbound.ports import RelayPorts
    from mailboxes.outbound.relay import RelayService
    from mailboxes.store.blobs import read_blob

    ports = RelayPorts(
        resolver=default_resolver(),
        read_blob=read_blob,
        resolve=resolve_for_relay,
        deliver=deliver,
        enqueue=enqueue_notice,
        subscribe=subscribe,
        hostname=config.hostname,
    )
    reach = Reach(
        ehlo_name=config.hostname,
        own_names=frozenset({config.hostname}),
        own_places=_own_places(config),
        port=config.relay_port,
        private_networks=config.private_networks,
    )
    return RelayService(ports, reach)


def _own_places(config: Config) -> frozenset[tuple[str, int]]:
    """Return the addresses and port on which our MX listens: a call to one of them would be a loop."""
    if config.mx_port is None:
        return frozenset()
    addresses = {*config.bind, *config.public_addresses}
    if {"0.0.0.0", "::"} & addresses:  # noqa: S104 - a question, no socket
        addresses |= local_addresses()
    return frozenset((address, config.mx_port) for address in addresses)


def _sockets(
    config: Config, service: str, port: int | None, tls: TlsMode, factory: ConnectionFactory, refusal: bytes = b""
) -> Iterator[ListenerSpec]:
    """One socket for each bound address; none when the port is off."""
    if port is not None:
        for address in config.bind:
            yield ListenerSpec(service, str(address), port, tls, factory, refusal)
