"""One IMAP connection: octets to events, events to handlers, answers to octets; deadlines and budgets.

Invariants: one tagged answer per command; nothing read before the TLS handshake counts after it; an unexpected fault
is ``NO [SERVERBUG]`` and a line in the log, never its words; no connection to the database is held while the client
is being written to. Passwords and SASL lines are never logged.
"""

import asyncio
import contextlib
import math
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from domains.identifiers import new_identifier
from mailboxes.connection import Peer
from mailboxes.imap import responses
from mailboxes.imap.compressed import CompressedWire
from mailboxes.imap.dispatch import TABLE, Entry, Tell
from mailboxes.imap.framing import AFTER_LOGIN, Complete, Event, Framer, GoOn, Line, Refused
from mailboxes.imap.handlers.context import Done, SignedOut, StillValid
from mailboxes.imap.handlers.login import scram_offered
from mailboxes.imap.port import StoreRefusal
from mailboxes.imap.queries import BadCharset
from mailboxes.imap.rendering import flags_response
from mailboxes.imap.scanner import Scanner, SyntaxFault
from mailboxes.imap.session import Session, State
from mailboxes.imap.uidonly import REFUSED, uses_numbers
from mailboxes.imap.view import News
from mailboxes.smtp.wire import SEND_OCTETS, Drained, Gone, Late, logger

_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,100}')


@dataclass(frozen=True, slots=True)
class ImapLimits:
    """Budgets (counts) and deadlines (seconds) of one session."""

    errors: int = 20
    commands_before_login: int = 100
    auth_failures: int = 3
    greeting_seconds: float = 60.0
    login_seconds: float = 180.0  # from the greeting to the sign-in
    idle_seconds: float = 31 * 60.0  # RFC 9051 §5.4 asks for 30 minutes at least
    literal_seconds: float = 300.0
    command_seconds: float = 300.0
    valid_seconds: float = 10.0  # how long a sign-in is believed without a look
    tls_seconds: float = 30.0
    progress_seconds: float = 10.0  # how often a long command says how far it is


class ImapConnection(CompressedWire):
    """One client; also the ``Context`` of the handlers."""

    def __init__(
        self,
        peer: Peer,
        hostname: str,
        tls_context: Callable[[], ssl.SSLContext | None],
        limits: ImapLimits | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.set_up_wire(SEND_OCTETS)
        self.framer = Framer(self.lines.octets)
        self.session = Session()
        self.id = new_identifier()
        self.client_address = peer.client_address
        self.limits = limits or ImapLimits()
        self._hostname = hostname
        self._tls_context = tls_context
        self._errors = 0
        self._commands_before_login = 0
        self._auth_failures = 0
        self._woken = False
        self._still_valid: StillValid | None = None
        self._valid_at = 0.0
        self._closing = False
        self._compress_next = False
        self._progress_at = 0.0

    # The connection

    def connection_made(self, transport: Any) -> None:
        """Start the dialogue; under implicit TLS the handshake is done."""
        if self._task is not None:
            return
        self.wire = transport
        self.session.tls = self.fact("ssl_object") is not None
        self._end_at = self.loop.time() + self.limits.login_seconds
        self._task = self.loop.create_task(self._handle_client())

    async def _handle_client(self) -> None:
        """Run the whole session and say why it ends."""
        try:
            await self._converse()
        except Gone:
            pass
        except Late:
            self._bye("Nothing came in time")
        except Drained:
            self._bye("The service is stopping", "UNAVAILABLE")
        except SignedOut:
            self._bye("The account was switched off or its password changed; sign in again")
        except asyncio.CancelledError:
            if not self._overdue:
                raise
            self._bye("The command took too long")
        except Exception:
            logger.exception("imap %s: session failed", self.id)
            self._bye(f"Internal fault ({self.id})", "SERVERBUG")
        finally:
            self.close_wire()
            self.framer.close()

    def _bye(self, text: str, code: str = "") -> None:
        self.write(responses.untagged_state("BYE", text, code))
        self._closing = True

    async def _converse(self) -> None:
        """Greet, then answer command after command."""
        self.session.tls_offered = self._tls_context() is not None
        await self._offer_scram()
        code = f"CAPABILITY {self.session.capabilities()}"
        self.write(responses.untagged_state("OK", f"{self._hostname} ready", code))
        while not self._closing:
            event = await self._next_event()
            if isinstance(event, GoOn):
                self.write(responses.go_on("Ready for the literal"))
            elif isinstance(event, Refused):
                self._refuse(event)
            elif isinstance(event, Complete):
                await self._take(event)

    async def _next_event(self) -> Event:
        """Return the next event; raises Gone, Late or Drained while waiting."""
        while (event := self.framer.next_event()) is None:
            between = self.framer.between_commands
            await self.wait_for_octets(self._patience(between), may_drain=between)
        return event

    def _patience(self, between_commands: bool) -> float:
        if not between_commands:
            return self.limits.literal_seconds
        waiting = self.session.state is State.NOT_AUTHENTICATED
        return self.limits.greeting_seconds if waiting else self.limits.idle_seconds

    def _refuse(self, event: Refused) -> None:
        """Answer what framing refused."""
        if event.too_big:
            self.write(responses.tagged(event.tag, "NO", event.text, "TOOBIG"))
        else:
            self.write(responses.tagged(event.tag, "BAD", event.text))
        self._count_error()
        if event.fatal and not self._closing:
            self._bye(event.text)

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= self.limits.errors and not self._closing:
            self._bye("Too many errors", "LIMIT")

    # Commands

    async def _take(self, event: Complete) -> None:
        """Read the tag and the name, run the command, give its literals back."""
        if self.session.state is State.NOT_AUTHENTICATED:
            self._commands_before_login += 1
            if self._commands_before_login > self.limits.commands_before_login:
                self._bye("Too many commands without a sign-in", "LIMIT")
                return
        scanner = Scanner(event.text, event.literals, self.session.utf8_names)
        try:
            tag = scanner.match(_TAG, "a tag").group()
            scanner.space()
        except SyntaxFault as fault:
            self.write(responses.untagged_state("BAD", str(fault)))
            self._count_error()
            return
        try:
            self.arm(self.limits.command_seconds)
            await self._answer(tag, scanner)
        finally:
            for literal in event.literals:
                literal.close()

    async def _answer(self, tag: bytes, scanner: Scanner) -> None:
        """Run one command and send its tagged answer."""
        self.session.tag = tag
        self._progress_at = self.loop.time()
        entry: Entry | None = None
        try:
            name = self._name(scanner)
            if name == "STARTTLS":
                scanner.end()
                await self._start_tls(tag)
                return
            entry = self._entry(name)
            command = entry.read(scanner)
            scanner.end()
            await self.require_sign_in()
            if self.session.uid_only and uses_numbers(name, command):
                done = REFUSED
            else:
                done = await entry.handle(self, command)
        except SyntaxFault as fault:
            done = Done(str(fault), "BAD")
        except BadCharset:
            done = Done("Only UTF-8 is read here", "NO", "BADCHARSET (UTF-8 US-ASCII)")
        except StoreRefusal as refusal:
            done = Done(str(refusal), "NO", refusal.code)
        except (Gone, Late, Drained, SignedOut):
            raise
        except Exception:
            done = self._fault()
        await self._finish(tag, done, entry)

    async def _finish(self, tag: bytes, done: Done, entry: Entry | None) -> None:
        """Tell what changed, then send the tagged answer."""
        if entry is not None and entry.tell is not Tell.NOTHING and done.status != "BAD":
            try:
                await self.sync(may_expunge=entry.tell is Tell.ALL)
            except (Gone, Late, Drained):
                raise
            except Exception:
                self._fault()
        self.write(responses.tagged(tag, done.status, done.text, done.code))
        if self._compress_next:
            self._compress_next = False
            self.start_deflate()
        if done.status == "BAD":
            self._count_error()
        if done.closes and not self._closing:
            if self.session.state is not State.LOGOUT:
                self._bye("Closing")
            self._closing = True

    def _fault(self) -> Done:
        """Log the fault being handled; the client learns only where to look."""
        logger.exception("imap %s: %s failed", self.id, self.session.tag.decode("ascii", "replace"))
        return Done(f"Internal fault ({self.id})", "NO", "SERVERBUG")

    def _name(self, scanner: Scanner) -> str:
        name = scanner.atom()
        if name == "UID":
            scanner.space()
            name = f"UID {scanner.atom()}"
        return name

    def _entry(self, name: str) -> Entry:
        """Return the table's line; raises SyntaxFault for an unknown command or a wrong state."""
        entry = TABLE.get(name)
        if entry is None:
            raise SyntaxFault("The command is not known")
        if self.session.state not in entry.states:
            raise SyntaxFault("The command is not allowed now")
        return entry

    async def _start_tls(self, tag: bytes) -> None:
        """Change to TLS; octets read before the handshake are dropped (RFC 9051 §6.2.1)."""
        context = self._tls_context()
        if self.session.tls or self.session.state is not State.NOT_AUTHENTICATED:
            raise SyntaxFault("TLS is on already, or somebody is logged in")
        if context is None:
            self.write(responses.tagged(tag, "NO", "TLS is not available", "UNAVAILABLE"))
            return
        self.framer.close()
        ready = responses.tagged(tag, "OK", "Begin TLS now")
        await self.shake_hands(context, ready, self.limits.tls_seconds, f"imap {self.id}")
        self.session.tls = True
        await self._offer_scram()

    async def _offer_scram(self) -> None:
        """Note which SCRAM to offer as the connection is now."""
        session = self.session
        session.channel_binding = self.channel_binding()
        session.scram = await scram_offered(session.channel_binding) if session.tls else ()

    # What handlers may ask (Context)

    async def send(self, octets: bytes) -> None:
        """Send a response; waits while the client reads slowly."""
        await self.send_within(octets, self.limits.command_seconds)

    async def progress(self, done: int, goal: int) -> None:
        """Say now and then how far the command is (RFC 9585)."""
        if self.loop.time() < self._progress_at + self.limits.progress_seconds:
            return
        self._progress_at = self.loop.time()
        code = f'INPROGRESS ("{self.session.tag.decode("ascii")}" {done} {goal})'
        await self.send(responses.untagged_state("OK", "Still working", code))
        self.flush()

    async def ask(self, prompt: str) -> bytes:
        """Send a continuation request and return the client's line."""
        self.write(responses.go_on(prompt))
        with self._lines():
            while (event := self.framer.next_event()) is None:
                await self.wait_for_octets(self.limits.greeting_seconds)
        return _line_of(event)

    async def idle(self, prompt: str, seconds: float) -> bytes | None:
        """Wait for a line; None after a wake-up or so many seconds."""
        if prompt:
            self.write(responses.go_on(prompt))
        with self._lines():
            event = self.framer.next_event()
            if event is None and not self._woken:
                with contextlib.suppress(Late):
                    await self.wait_for_octets(seconds, may_drain=True)
                event = self.framer.next_event()
        self._woken = False
        self.arm(self.limits.command_seconds)
        return None if event is None else _line_of(event)

    @contextlib.contextmanager
    def _lines(self) -> Iterator[None]:
        """What comes is read as lines, not as commands."""
        self.framer.wants_line = True
        try:
            yield
        finally:
            self.framer.wants_line = False

    def wake(self) -> None:
        """End a wait in ``idle``, or the next one."""
        self._woken = True
        self._wake()

    def compress(self) -> bool:
        """Compress both directions behind the tagged answer; False when that is so already."""
        self._compress_next = self.deflate is None
        return self._compress_next

    def now(self) -> float:
        """Return the event loop's clock."""
        return self.loop.time()

    def logged_in(self, still_valid: StillValid | None = None) -> None:
        """Larger commands and longer waits from here on."""
        self.framer.limits = AFTER_LOGIN
        self._end_at = math.inf
        self._still_valid = still_valid
        self._valid_at = self.loop.time()

    async def require_sign_in(self) -> None:
        """Raise SignedOut when the sign-in does not hold any more; asked at most every ``valid_seconds``."""
        if self._still_valid is None or self.loop.time() < self._valid_at + self.limits.valid_seconds:
            return
        self._valid_at = self.loop.time()
        if not await self._still_valid():
            raise SignedOut

    def count_failure(self) -> bool:
        """Count a failed sign-in; True when the session must end."""
        self._auth_failures += 1
        return self._auth_failures >= self.limits.auth_failures

    async def sync(self, may_expunge: bool = True) -> None:
        """Tell the client what changed in the selected mailbox; a mailbox that is gone ends the session."""
        view, store = self.session.view, self.session.store
        if view is None or store is None:
            return
        changes = await store.changes(view.mailbox_id, view.known_modseq)
        if changes is None:
            self.session.unselect()
            self._bye("The mailbox is gone")
            raise Gone
        if changes.highest_modseq > view.known_modseq or view.has_held:
            await self._tell(view.apply(changes, may_expunge))

    async def _tell(self, news: News) -> None:
        if self.session.says_vanished:
            lines = [responses.vanished(news.vanished)] if news.vanished else []
        else:
            lines = [responses.untagged(b"%d EXPUNGE" % number) for number in news.expunged]
        if news.exists is not None:
            lines.append(responses.untagged(b"%d EXISTS" % news.exists))
        condstore, uid_only = self.session.condstore, self.session.uid_only
        lines += [flags_response(sequence, state, condstore, uid_only=uid_only) for sequence, state in news.flags]
        if self.session.qresync and news.held_back is not None:  # RFC 7162 §3.2
            lines.append(responses.highest_modseq(news.held_back))
        await self.send(b"".join(lines))


def _line_of(event: Event) -> bytes:
    """Return the line; raises SyntaxFault for one that framing refused."""
    if isinstance(event, Line):
        return event.octets
    raise SyntaxFault("The line cannot be read")
