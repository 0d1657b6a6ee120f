"""Commands about the session itself: capabilities, sign-in, ENABLE, ID, NAMESPACE, LOGOUT."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mailboxes.imap import responses
from mailboxes.imap.commands import Authenticate, Command, Enable, Login
from mailboxes.imap.handlers.context import Context, Done
from mailboxes.imap.port import MailStore
from mailboxes.imap.scanner import SyntaxFault
from mailboxes.imap.session import ENABLEABLE, State
from mailboxes.scram import ScramFault
from mailboxes.smtp.sasl_exchange import Credentials, SaslFault, parse_plain

if TYPE_CHECKING:
    from mailboxes.services.authenticate import Authenticated, Denied

LINE_OCTETS = 12 * 1024


def account_store(account_id: int) -> MailStore:
    """Return the account's store."""
    from mailboxes.store.account_store import AccountStore

    return AccountStore(account_id)


open_store: Callable[[int], MailStore] = account_store


async def scram_offered(binding: bytes | None) -> tuple[str, ...]:
    """Return the SCRAM mechanisms to offer on a connection under TLS."""
    from mailboxes.services.scram_sign_in import scram_offered as offered

    return await offered(binding)


async def capability(context: Context, command: Command) -> Done:
    """CAPABILITY."""
    await context.send(responses.untagged(b"CAPABILITY", context.session.capabilities().encode()))
    return Done("CAPABILITY completed")


async def noop(context: Context, command: Command) -> Done:
    """NOOP and CHECK: the changes are told by the dialogue."""
    return Done("Completed")


async def logout(context: Context, command: Command) -> Done:
    """LOGOUT."""
    await context.send(responses.untagged_state("BYE", "Good-bye"))
    context.session.unselect()
    context.session.state = State.LOGOUT
    return Done("LOGOUT completed", closes=True)


async def identify(context: Context, command: Command) -> Done:
    """ID (RFC 2971): the name alone, no version."""
    await context.send(responses.untagged(b"ID", b'("name" "mailadmin")'))
    return Done("ID completed")


async def namespace(context: Context, command: Command) -> Done:
    """NAMESPACE (RFC 2342): one personal namespace."""
    await context.send(responses.untagged(b"NAMESPACE", b'(("" "/")) NIL NIL'))
    return Done("NAMESPACE completed")


async def enable(context: Context, command: Command) -> Done:
    """ENABLE (RFC 5161)."""
    assert isinstance(command, Enable)
    accepted = [name for name in command.names if name in ENABLEABLE and name not in context.session.enabled]
    context.session.enabled.update(accepted)
    await context.send(responses.untagged(b"ENABLED", *(ENABLEABLE[name].encode() for name in accepted)))
    return Done("ENABLE completed")


async def login(context: Context, command: Command) -> Done:
    """LOGIN; refused in the clear."""
    assert isinstance(command, Login)
    if not context.session.tls:
        return Done("Say STARTTLS first: passwords need encryption", "NO", "PRIVACYREQUIRED")
    return await _sign_in(context, Credentials(command.username, command.password))


async def authenticate(context: Context, command: Command) -> Done:
    """AUTHENTICATE PLAIN (RFC 4616) and SCRAM (RFC 5802, 7677), with or without an initial response."""
    assert isinstance(command, Authenticate)
    if not context.session.tls:
        return Done("Say STARTTLS first: passwords need encryption", "NO", "PRIVACYREQUIRED")
    if command.mechanism not in context.session.mechanisms:
        return Done("This mechanism is not offered", "NO", "CANNOT")
    first = await _answer(context, b"") if command.initial is None else _decode(command.initial)
    if command.mechanism != "PLAIN":
        return await _by_scram(context, command.mechanism, first)
    try:
        credentials = parse_plain(first)
    except SaslFault as fault:
        if fault.code == 501:
            raise SyntaxFault(str(fault)) from None
        return Done(str(fault), "NO", "AUTHORIZATIONFAILED")
    return await _sign_in(context, credentials)


async def _by_scram(context: Context, mechanism: str, first: bytes) -> Done:
    """Run the rest of a SCRAM exchange."""
    from mailboxes.services.scram_sign_in import sign_in_by_scram

    binding, ask = context.session.channel_binding, partial(_answer, context)
    try:
        answer = await sign_in_by_scram("imap", context.client_address, mechanism, binding, first, ask)
    except ScramFault as fault:
        return Done(str(fault), "NO", "AUTHENTICATIONFAILED", closes=context.count_failure())
    return _entered(context, answer)


async def _answer(context: Context, challenge: bytes) -> bytes:
    """Send a challenge and return the client's answer; raises SyntaxFault when it cancels."""
    line = await context.ask(b64encode(challenge).decode())
    if line == b"*":
        raise SyntaxFault("Authentication cancelled")
    return _decode(line)


def _decode(line: bytes) -> bytes:
    """Return the octets of a base64 line; ``=`` is the empty response (RFC 4959)."""
    if line == b"=":
        return b""
    try:
        return b64decode(line[:LINE_OCTETS], validate=True)
    except (binascii.Error, ValueError):
        raise SyntaxFault("The response is not base64") from None


async def _sign_in(context: Context, credentials: Credentials) -> Done:
    """Ask the one check for every door."""
    from mailboxes.services.authenticate import authenticate

    return _entered(
        context, await authenticate("imap", context.client_address, credentials.username, credentials.password)
    )


def _entered(context: Context, answer: "Authenticated | Denied") -> Done:
    """Log somebody in, or say why not."""
    from mailboxes.services.authenticate import Authenticated, is_still_valid

    if not isinstance(answer, Authenticated):
        code = "UNAVAILABLE" if answer.temporary else "AUTHENTICATIONFAILED"
        return Done(answer.text, "NO", code, closes=context.count_failure())
    context.session.log_in(answer.username, open_store(answer.account_id))
    context.logged_in(partial(is_still_valid, answer.account_id, answer.version, answer.app_password_id))
    return Done("Logged in", code=f"CAPABILITY {context.session.capabilities()}")
