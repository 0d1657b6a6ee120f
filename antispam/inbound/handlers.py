"""The MX's handler: from SMTP events to recipients, inspection and delivery; every stage leaves its trace."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

from django.conf import settings
from psycopg import Error
from psycopg_pool import PoolTimeout

from antispam.evidence import Envelope
from antispam.inbound.policy import (
    LOOP,
    NO_SECURE_WAY,
    SECOND_ROUND,
    UNAVAILABLE,
    WITHHELD,
    is_looping,
    refusal_by_verdict,
    refuse_writer,
    reply_to_full,
    reply_to_recipient,
)
from antispam.inbound.refusals import RefusedConnections, cause_of, refusal_of
from antispam.limits.figures import Kind
from antispam.limits.shared import SharedCounts
from antispam.services.consulting import full_mailbox_reply_of
from antispam.services.inspect import Inspection, inspect
from antispam.services.results import spf_field
from domains.arc.seal import Seen
from domains.dns.resolver import default_resolver
from domains.octets import Octets, joined
from domains.trace import MessageTrace
from domains.trace_buffer import trace_buffer
from mailboxes.addresses import author_addresses, envelope_domain, normalised
from mailboxes.connection import Peer
from mailboxes.delivery.deliver import deliver
from mailboxes.delivery.limits import Limit
from mailboxes.delivery.request import DeliveryRequest, NotAll, RecipientOutcome, RecipientStatus, Target
from mailboxes.delivery.resolve import Found, resolve_recipient
from mailboxes.delivery.success import report_success
from mailboxes.mime.headers import Field, first_value, read_block, values_of
from mailboxes.mime.received import received_texts
from mailboxes.outbound.dsn_request import dsn_request
from mailboxes.outbound.forward import is_second_round
from mailboxes.smtp.port import Content, Session, Transaction
from mailboxes.smtp.replies import Reply
from mailboxes.smtp.spool import SPOOL_OCTETS

log = logging.getLogger(__name__)

REFUSALS_KEPT = 20
# A worker delivers about 150 small messages a second over 10 database connections: what is beyond these waits long.
WORKING = 40
CALM_SECONDS = 60.0  # as long without too much to do, and an overload is over
REPORTS = 1  # large messages to report addresses at one time: they go into a row, so they are held in memory
BUSY = Reply(421, "4.3.2", "Too busy at the moment; try again later", close=True)


@dataclass(slots=True)
class _Incoming:
    """One transaction in the making."""

    trace: MessageTrace
    targets: list[Target] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)


class InboundHandler:
    """One object for all sessions; what belongs to a transaction is kept in the session's ``state``."""

    def __init__(self, counts: SharedCounts | None = None) -> None:
        self._counts = counts
        self._refusals = RefusedConnections()
        self._reports = asyncio.Semaphore(REPORTS)
        self._busy_at = self._busy_since = 0.0
        self._working = 0  # recipients and messages that are looked at now; who only waits for a client counts not

    async def connect(self, session: Session) -> Reply | None:
        """Everybody may connect who is within the limits; who sent good mail lately need not wait."""
        counts = self._counts_for(session)
        if counts is None:
            return self._busy(session)
        excess = counts.enter(session.client_address)
        if excess is not None:
            reply = Reply(421, "4.7.0", excess.words(), cause=cause_of(excess), close=True)
            self._refusals.note(session, "connect", reply)
            return reply
        session.state["counted"] = True
        ask = self._working < WORKING
        session.state["regular_since"] = since = await counts.regular_since(session.client_address, ask)
        session.regular = since > 0
        return self._busy(session)

    def refused_at_the_door(self, peer: Peer) -> None:
        """The listener itself refused a connection."""
        self._refusals.note(peer, "connect", Reply(421, "4.7.0", "Too many connections from your address"))

    def _counts_for(self, session: Session) -> SharedCounts | None:
        return self._counts if session.state.get("limited", True) else None

    def _limited(self, session: Session, kind: Kind) -> Reply | None:
        """Count one more and return the refusal when it is one too many."""
        counts = self._counts_for(session)
        excess = counts.add(kind, session.client_address) if counts is not None else None
        return refusal_of(excess) if excess is not None else None

    async def helo(self, session: Session) -> Reply | None:
        """Any valid name will do; it is evidence, not a ticket."""
        return None

    async def authenticate(self, session: Session, mechanism: str, username: str, password: str) -> Reply | None:
        """The MX offers no AUTH."""
        return Reply(503, "5.5.1", "Authentication is not offered here")

    async def scram_offered(self, session: Session) -> tuple[str, ...]:
        """The MX offers no AUTH."""
        return ()

    async def authenticate_by_scram(
        self, session: Session, mechanism: str, first: bytes, ask: Callable[[bytes], Awaitable[bytes]]
    ) -> Reply | None:
        """The MX offers no AUTH."""
        return Reply(503, "5.5.1", "Authentication is not offered here")

    async def mail(self, session: Session, transaction: Transaction) -> Reply | None:
        """Begin the trace."""
        await self.reset(session)
        refusal = self._busy(session) or self._limited(session, Kind.MESSAGES)
        if refusal is not None:
            self._refusals.note(session, "mail", refusal, lambda: _begun(session, transaction))
            return refusal
        trace = _begun(session, transaction)
        detail = {"mail_from": transaction.reverse_path, "parameters": dict(transaction.parameters)}
        trace.add("mail", "accepted", "", detail)
        session.state["incoming"] = _Incoming(trace)
        return None

    def _busy(self, session: Session) -> Reply | None:
        """Turn away who is new while more is to be done than can be soon: who sent good mail before it began goes on.

        Said before the database is asked anything, so those who are turned away cost those who are served little.
        """
        if self._working < WORKING:
            return None
        now = time.time()
        if now - self._busy_at > CALM_SECONDS:
            self._busy_since = now
        self._busy_at = now
        if not session.state.get("limited", True):
            return None
        return None if 0 < session.state.get("regular_since", 0.0) < self._busy_since else BUSY

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    async def rcpt(
        self, session: Session, transaction: Transaction, forward_path: str, parameters: Mapping[str, str]
    ) -> Reply | None:
        """Accept what leads somewhere; refuse the rest here, never later."""
        incoming: _Incoming = session.state["incoming"]
        limited = self._limited(session, Kind.RECIPIENTS) or self._searches(session)
        if limited is not None:
            _note_refusal(incoming.trace, "rcpt", limited, forward_path)
            return limited
        try:
            with self._at_work():
                resolution = await resolve_recipient(forward_path, transaction.size or 0)
        except (Error, PoolTimeout, OSError) as fault:
            log.warning("connection %s: %s: %s", session.id, type(fault).__name__, fault)
            _note_refusal(incoming.trace, "rcpt", UNAVAILABLE, forward_path)
            return UNAVAILABLE
        if resolution.found is not Found.FOREIGN:
            incoming.trace.domains |= {name for name in (resolution.domain, resolution.home) if name}
        if resolution.found is Found.UNKNOWN:
            self._limited(session, Kind.UNKNOWN)
        refusal = reply_to_recipient(resolution, transaction.reverse_path, len(incoming.targets))
        if resolution.found is Found.FULL:
            refusal = reply_to_full(await full_mailbox_reply_of(forward_path))
        if refusal is None and "REQUIRETLS" in transaction.parameters:
            refusal = NO_SECURE_WAY if any(target.forward_to for target in resolution.targets) else None
        if refusal is not None:
            _note_refusal(incoming.trace, "rcpt", refusal, forward_path, resolution.steps)
            return refusal
        incoming.targets += resolution.targets
        incoming.limits += resolution.limits
        detail = {"recipient": forward_path, "to": _places(resolution.targets), "steps": resolution.steps}
        incoming.trace.add("rcpt", "accepted", "", detail)
        return None

    async def data(self, session: Session, transaction: Transaction, content: Content) -> Reply:
        """Inspect, then deliver; 250 only once every copy is durable. A large report waits on disk for its turn."""
        incoming: _Incoming = session.state["incoming"]
        if content.size <= SPOOL_OCTETS or not any(target.report_domain_id for target in incoming.targets):
            return await self._take(session, transaction, content)
        async with self._reports:
            return await self._take(session, transaction, content)

    async def _take(self, session: Session, transaction: Transaction, content: Content) -> Reply:
        incoming: _Incoming = session.state["incoming"]
        trace = incoming.trace
        accepted = [normalised(path) for path in transaction.forward_paths]
        trace.recipients = list(dict.fromkeys([*accepted, *trace.recipients]))
        octets = content.octets()
        block = read_block(octets)
        trace.message_id = (first_value(block.fields, b"message-id") or b"").decode("utf-8", "replace")
        trace.add("data", "accepted", "", {"size": content.size, "received": received_texts(block.fields)})
        loop = LOOP if is_looping(octets[: block.end]) else _second_round(incoming, block.fields)
        if loop is not None:
            _note_refusal(trace, "data", loop)
            return loop
        try:
            with self._at_work():
                return await self._deliver(session, transaction, incoming, octets)
        except NotAll as fault:
            reply = await _refusal_of(fault.outcome)
            _note_refusal(trace, "delivery", reply, fault.outcome.target.recipient)
            return reply
        except (Error, PoolTimeout, OSError) as fault:
            log.warning("connection %s: %s: %s", session.id, type(fault).__name__, fault)
            _note_refusal(trace, "delivery", UNAVAILABLE)
            return UNAVAILABLE

    async def _deliver(
        self, session: Session, transaction: Transaction, incoming: _Incoming, octets: Octets
    ) -> Reply:
        hostname = settings.MAILADMIN.hostname
        trace = incoming.trace
        envelope = Envelope(session.client_address, session.helo_name, transaction.reverse_path)
        found = await inspect(octets, envelope, default_resolver(), hostname, trace, transaction.forward_paths)
        if found.verdict.refused:
            reply = refusal_by_verdict(found.verdict.row, found.evidence.dmarc.author_domain)
            _note_refusal(trace, "data", reply)
            return reply
        if incoming.limits:
            authors = _authors(read_block(octets).fields)
            refusal = refuse_writer(incoming.limits, authors, found.evidence)
            if refusal is not None:
                _note_refusal(trace, "delivery", refusal)
                return refusal
        now = datetime.now(UTC)
        request = DeliveryRequest(
            mail_from=transaction.reverse_path,
            targets=_into_folder(incoming.targets, found),
            content=joined(
                found.field
                + _spf(found)
                + _received(session, transaction, found, hostname, trace.id, now)
                + _gap(found.octets),
                found.octets,
            ),
            received_at=now,
            trace=trace,
            authenticated_domain=found.evidence.authenticated_domain,
            unproven_domains=_unproven(found),
            returnable=found.evidence.proves_sender,
            seen=_seen(found) if any(target.forward_to for target in incoming.targets) else None,
            dsn=dsn_request(transaction.parameters, transaction.forward_paths, transaction.forward_parameters),
            smtputf8=transaction.smtputf8,
            all_or_nothing=True,
        )
        if found.evidence.proves_sender and "SUCCESS" in " ".join(request.dsn.notify.values()).upper():
            request = replace(request, within=partial(report_success, request))
        kept = len(trace.events)
        try:
            await deliver(request)
        except BaseException:
            del trace.events[kept:]
            trace.outcome = ""
            raise
        session.state.pop("incoming")
        counts = self._counts_for(session)
        if counts is not None and not session.regular:
            counts.became_regular(session.client_address)
        return Reply(250, "2.0.0", f"queued as {trace.id}")

    async def refused(self, session: Session, transaction: Transaction | None, stage: str, reply: Reply) -> None:
        """Note in the trace what the server itself refused; a refused MAIL begins one, an ended session is one."""
        if stage == "mail" and transaction is not None:
            await self.reset(session)
            session.state["incoming"] = _Incoming(_begun(session, transaction))
        incoming: _Incoming | None = session.state.get("incoming")
        if incoming is not None:
            _note_refusal(incoming.trace, stage, reply)
        elif reply.close:
            self._refusals.note(session, stage, reply, lambda: _connected(session, ""))

    def _searches(self, session: Session) -> Reply | None:
        """Return the refusal of one who tried too many addresses that do not exist."""
        counts = self._counts_for(session)
        excess = counts.over(Kind.UNKNOWN, session.client_address) if counts is not None else None
        return refusal_of(excess) if excess is not None else None

    async def reset(self, session: Session) -> None:
        """Write the trace of a transaction that ended in a refusal."""
        incoming: _Incoming | None = session.state.pop("incoming", None)
        if incoming is not None and any(event.outcome == "refused" for event in incoming.trace.events):
            incoming.trace.outcome = "refused"
            trace_buffer().add(incoming.trace)

    async def disconnect(self, session: Session) -> None:
        """The same as a reset; the connection is counted no more."""
        if self._counts is not None and session.state.pop("counted", False):
            self._counts.leave(session.client_address)
        await self.reset(session)


def _begun(session: Session, transaction: Transaction) -> MessageTrace:
    """Return a trace with what came before MAIL."""
    return _connected(session, transaction.reverse_path)


def _connected(session: Session, reverse_path: str) -> MessageTrace:
    """Return a trace with what is known of the connection."""
    trace = MessageTrace("in", mail_from=reverse_path, client_address=session.client_address)
    detail = {"address": session.client_address, "port": session.client_port, "tls": dict(session.tls)}
    trace.add("connect", "accepted", "", detail)
    if session.helo_name:
        trace.add("helo", "accepted", "", {"name": session.helo_name, "extended": session.extended})
    return trace


def _gap(octets: Octets) -> bytes:
    """Return an empty line where the message's first line would continue the field above it."""
    return b"\r\n" if octets[:1] in (b" ", b"\t") else b""


def _received(
    session: Session, transaction: Transaction, found: Inspection, hostname: str, trace_id: str, now: datetime
) -> bytes:
    name = found.evidence.iprev.name if found.evidence.iprev is not None else ""
    return received_field(session, transaction, hostname, trace_id, now, name)


def _spf(found: Inspection) -> bytes:
    """Return a Received-SPF field where the installation wants one."""
    config = settings.MAILADMIN
    return spf_field(found.evidence, config.hostname) if config.received_spf else b""


def _seen(found: Inspection) -> Seen:
    """Return our results as an ARC set repeats them."""
    results = found.field.partition(b":")[2].decode("utf-8", "replace").strip()
    return Seen(results, found.evidence.arc.result.value)


def received_field(
    session: Session, transaction: Transaction, hostname: str, trace_id: str, now: datetime, client_name: str = ""
) -> bytes:
    """Return our Received field (RFC 5321 section 4.4, RFC 3848, RFC 6531 section 3.7.3); one recipient is named."""
    protocol = ("UTF8SMTP" if transaction.smtputf8 else "ESMTP") if session.extended else "SMTP"
    protocol += "S" if session.tls and session.extended else ""
    recipient = f"\r\n for <{transaction.forward_paths[0]}>" if len(transaction.forward_paths) == 1 else ""
    literal = f"IPv6:{session.client_address}" if ":" in session.client_address else session.client_address
    known = f"{client_name} " if client_name else ""
    text = (
        f"Received: from {session.helo_name} ({known}[{literal}])\r\n by {hostname} with {protocol} id {trace_id}"
        f"{recipient};\r\n {format_datetime(now)}\r\n"
    )
    return text.encode("utf-8", "replace")


def _authors(fields: Sequence[Field]) -> list[str]:
    return [address for value in values_of(fields, b"from") for address in author_addresses(value)]


def _second_round(incoming: _Incoming, fields: Sequence[Field]) -> Reply | None:
    """Leave out the recipients for whom the message was forwarded before; the refusal when nobody is left."""
    delivered_to = values_of(fields, b"delivered-to")
    if not delivered_to:
        return None
    forwarded = {target.recipient for target in incoming.targets if target.forward_to}
    looping = {recipient for recipient in forwarded if is_second_round(recipient, delivered_to)}
    for recipient in sorted(looping):
        incoming.trace.add(
            "forward", "dropped", "It was forwarded for this address before.", {"recipient": recipient}
        )
    incoming.targets = [target for target in incoming.targets if target.recipient not in looping]
    return None if incoming.targets else SECOND_ROUND


def _unproven(found: Inspection) -> frozenset[str]:
    """Return the domains of the authors, none when the author's was authenticated."""
    return frozenset() if found.evidence.authenticated_domain else frozenset(found.evidence.dmarc.author_domains)


def _into_folder(targets: Sequence[Target], found: Inspection) -> list[Target]:
    """Return the targets, each with the folder that the verdict has for its recipient's domain."""
    verdict = found.verdict
    return [replace(target, folder=verdict.folder_in(envelope_domain(target.recipient))) for target in targets]


async def _refusal_of(outcome: RecipientOutcome) -> Reply:
    if outcome.status is RecipientStatus.WITHHELD:
        return WITHHELD
    if outcome.status is RecipientStatus.LIMITED:
        text = f"<{outcome.target.recipient}> takes no more reports of this kind of sender today; try again tomorrow"
        return Reply(452, "4.2.2", text, cause=outcome.reason)
    if outcome.status is RecipientStatus.OVER_QUOTA:
        full = reply_to_full(await full_mailbox_reply_of(outcome.target.recipient))
        return replace(full, text=f"The mailbox <{outcome.target.recipient}> is full; nothing was delivered")
    return Reply(450, "4.2.1", f"The mailbox <{outcome.target.recipient}> changed; try again")


def _places(targets: Sequence[Target]) -> list[str]:
    return [target.mailbox or target.address for target in targets[:REFUSALS_KEPT]]


def _note_refusal(
    trace: MessageTrace, stage: str, reply: Reply, recipient: str = "", steps: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Add a refusal to the trace, a bounded number of them."""
    if sum(event.outcome == "refused" for event in trace.events) < REFUSALS_KEPT:
        detail: dict[str, Any] = {"reply": reply.as_text(), "cause": reply.cause} | (
            {"recipient": recipient} if recipient else {}
        )
        detail |= {"steps": steps} if steps else {}
        trace.add(stage, "refused", reply.text, detail)
        address = normalised(recipient)
        if address and address not in trace.recipients:
            trace.recipients.append(address)
