"""Submission's decisions: who signs in, which sender and recipients are allowed, and the message taken in."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from django.conf import settings
from psycopg import Error
from psycopg_pool import PoolTimeout

from domains.trace import MessageTrace
from domains.trace_buffer import trace_buffer
from mailboxes.addresses import envelope_domain, split_address
from mailboxes.delivery.resolve import Found, resolve_recipient
from mailboxes.scram import ScramFault
from mailboxes.services.authenticate import Authenticated, Denied, authenticate
from mailboxes.services.scram_sign_in import scram_offered, sign_in_by_scram
from mailboxes.smtp.port import Content, Session, Transaction
from mailboxes.smtp.replies import Reply
from mailboxes.submission.accept import accept, prepare_message, received_field
from mailboxes.submission.authorise import Senders, load_senders
from mailboxes.submission.prepare import Unusable

log = logging.getLogger(__name__)

UNAVAILABLE = Reply(451, "4.3.0", "Temporary failure; try again later")
REFUSALS_KEPT = 20


class SubmissionHandler:
    """One object for all sessions; what belongs to a session is kept in its ``state``."""

    async def connect(self, session: Session) -> Reply | None:
        """Everybody may connect."""
        return None

    async def helo(self, session: Session) -> Reply | None:
        """Any valid name will do."""
        return None

    async def authenticate(self, session: Session, mechanism: str, username: str, password: str) -> Reply | None:
        """Check the credentials against the one budget of all doors."""
        return await self._entered(session, authenticate("submission", session.client_address, username, password))

    async def scram_offered(self, session: Session) -> tuple[str, ...]:
        """Offer SCRAM while somebody has an app password."""
        return await scram_offered(session.channel_binding)

    async def authenticate_by_scram(
        self, session: Session, mechanism: str, first: bytes, ask: Callable[[bytes], Awaitable[bytes]]
    ) -> Reply | None:
        """Let an app password be proved."""
        binding, address = session.channel_binding, session.client_address
        try:
            return await self._entered(
                session, sign_in_by_scram("submission", address, mechanism, binding, first, ask)
            )
        except ScramFault as fault:
            return Reply(535, "5.7.8", str(fault))

    async def _entered(self, session: Session, signing_in: Awaitable[Authenticated | Denied]) -> Reply | None:
        """Note who signed in, or say why nobody did."""
        try:
            answer = await signing_in
        except (Error, PoolTimeout, OSError) as fault:
            log.warning("sign-in of connection %s failed: %s", session.id, fault)
            return Reply(454, "4.7.0", "Temporary authentication failure; try again later", str(fault))
        if isinstance(answer, Denied):
            return Reply(454, "4.7.0", answer.text) if answer.temporary else Reply(535, "5.7.8", answer.text)
        session.account_id, session.username = answer.account_id, answer.username
        return None

    async def mail(self, session: Session, transaction: Transaction) -> Reply | None:
        """Only addresses that the account may use; the null path is allowed for notifications."""
        assert session.account_id is not None
        trace = MessageTrace("out", mail_from=transaction.reverse_path, client_address=session.client_address)
        trace.domains.add(envelope_domain(session.username))
        session.state["trace"] = trace
        try:
            senders = await load_senders(session.account_id)
        except (Error, PoolTimeout, OSError) as fault:
            return self._unavailable(session, fault)
        session.state["senders"] = senders
        detail = {"username": session.username, "address": session.client_address, "tls": dict(session.tls)}
        trace.add("auth", "accepted", f"{session.username} signed in.", detail)
        if transaction.reverse_path and (why := senders.refuse(transaction.reverse_path)):
            trace.add("mail", "refused", why)
            return Reply(550, "5.7.1", why)
        return None

    async def rcpt(
        self, session: Session, transaction: Transaction, forward_path: str, parameters: Mapping[str, str]
    ) -> Reply | None:
        """Unknown addresses of ours are refused here; those of others are the relay's business."""
        trace: MessageTrace = session.state["trace"]
        domain = envelope_domain(forward_path)
        if not domain and split_address(forward_path)[1]:
            return self._refuse(trace, forward_path, Reply(550, "5.1.2", "The recipient's domain is not valid"))
        if not split_address(forward_path)[0].isascii() and not transaction.smtputf8:
            return self._refuse(trace, forward_path, Reply(553, "5.6.7", "This address needs SMTPUTF8"))
        try:
            resolution = await resolve_recipient(forward_path)
        except (Error, PoolTimeout, OSError) as fault:
            return self._unavailable(session, fault)
        found = resolution.found
        if found is Found.UNKNOWN or (resolution.bounces_only and transaction.reverse_path):
            return self._refuse(
                trace, forward_path, Reply(550, "5.1.1", f"There is no mailbox <{forward_path}> here")
            )
        if found is Found.ENDLESS:
            return self._refuse(trace, forward_path, Reply(550, "5.2.4", "The address stands for too many others"))
        closed = next((limit for limit in resolution.limits if not limit.allows(session.username)), None)
        if closed is not None:
            return self._refuse(trace, forward_path, Reply(550, "5.7.1", closed.refusal))
        if found is Found.PARKED:
            return self._refuse(trace, forward_path, Reply(556, "5.1.10", "The recipient's domain takes no mail"))
        if found is Found.DISABLED:
            return self._refuse(trace, forward_path, Reply(550, "5.2.1", f"The mailbox <{forward_path}> is disabled"))
        return None

    async def data(self, session: Session, transaction: Transaction, content: Content) -> Reply:
        """Prepare, check From, sign, queue; 250 once it is durable."""
        trace: MessageTrace = session.state["trace"]
        senders: Senders = session.state["senders"]
        now = datetime.now(UTC)
        hostname = settings.MAILADMIN.hostname
        trace.recipients = list(transaction.forward_paths)
        try:
            prepared = await prepare_message(content.octets(), hostname, now, trace.id)
        except Unusable as fault:
            trace.add("prepare", "refused", str(fault))
            return Reply(554, "5.6.0", str(fault))
        trace.message_id = prepared.message_id
        trace.add("prepare", "done", "; ".join(prepared.changes), {"size": content.size})
        named = (*prepared.authors, *prepared.senders)
        if why := next((why for address in named if (why := senders.refuse(address))), ""):
            trace.add("authorise", "refused", why)
            return Reply(550, "5.7.1", why)
        trace.domains.add(envelope_domain(prepared.authors[0]))
        received = received_field(hostname, "ESMTPSA", trace.id, now)
        try:
            await accept(trace, prepared, received, transaction.smtputf8)
        except (Error, PoolTimeout, OSError) as fault:
            return self._unavailable(session, fault)
        session.state.pop("trace")
        return Reply(250, "2.0.0", f"queued as {trace.id}")

    def _unavailable(self, session: Session, fault: Exception) -> Reply:
        log.warning("connection %s: %s: %s", session.id, type(fault).__name__, fault)
        return UNAVAILABLE

    def _refuse(self, trace: MessageTrace, recipient: str, reply: Reply) -> Reply:
        if len(trace.events) < REFUSALS_KEPT:
            trace.add("rcpt", "refused", reply.text, {"recipient": recipient, "reply": reply.as_text()})
            trace.recipients.append(recipient)
        return reply

    async def refused(self, session: Session, transaction: Transaction | None, stage: str, reply: Reply) -> None:
        """Note in the trace what the server itself refused."""
        trace: MessageTrace | None = session.state.get("trace")
        if trace is not None and len(trace.events) < REFUSALS_KEPT:
            trace.add(stage, "refused", reply.text, {"reply": reply.as_text(), "cause": reply.cause})

    async def reset(self, session: Session) -> None:
        """Write the trace of a transaction that ended in a refusal."""
        trace: MessageTrace | None = session.state.pop("trace", None)
        session.state.pop("senders", None)
        if trace is not None and any(event.outcome == "refused" for event in trace.events):
            trace.outcome = "refused"
            trace_buffer().add(trace)

    async def disconnect(self, session: Session) -> None:
        """The same as a reset."""
        await self.reset(session)
