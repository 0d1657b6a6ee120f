"""An authority over ACME (RFC 8555), by the library ``acme``: directory, account, order, renewal advice.

Every connection goes through ``domains.http``: bounded in time and size, to allowed addresses only. A refused nonce
is tried again a few times. Whatever goes wrong is an AuthorityFault.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from acme import challenges, errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from domains.certificates.port import (
    Account,
    Advice,
    AuthorityFault,
    AuthorityTerms,
    Binding,
    Method,
    Responder,
    Trouble,
)
from domains.http import guarded_session

ORDER_SECONDS = 120.0
CALL_SECONDS = 20.0
ANSWER_OCTETS = 256 * 1024
NONCE_TRIES = 8
ADVICE_AGAIN = timedelta(hours=6)
LONGEST_REST = timedelta(days=7)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?")
_CHALLENGES = {Method.HTTP: challenges.HTTP01, Method.DNS: challenges.DNS01}


class _Network(ClientNetwork):
    """The library's network over a guarded session; ``retry_after`` is what the last answer asked for."""

    def __init__(self, session: requests.Session, key: JWKEC | None, uri: str) -> None:
        account = messages.RegistrationResource(uri=uri, body=messages.Registration()) if uri else None
        super().__init__(key, account, alg=ES256, user_agent="mailadmin")
        self.session = session
        self.retry_after: timedelta | None = None

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send, again with a fresh nonce each time the last one was refused."""
        for left in reversed(range(NONCE_TRIES)):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce" or not left:
                    raise
        raise AssertionError("unreachable")

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        answer = super()._send_request(method, url, *args, **kwargs)
        self.retry_after = _seconds(answer.headers.get("Retry-After", ""))
        return answer


def _seconds(text: str) -> timedelta | None:
    return min(timedelta(seconds=int(text)), LONGEST_REST) if text.isdecimal() and len(text) < 10 else None


@contextmanager
def _client(directory_url: str, key_pem: bytes = b"", uri: str = "", seconds: float = CALL_SECONDS) -> Iterator[Any]:
    """Yield a client of the directory; what the library raises inside becomes an AuthorityFault."""
    key = JWKEC(key=load_pem_private_key(key_pem, None)) if key_pem else None
    with guarded_session(deadline=seconds, limit=ANSWER_OCTETS) as session:
        network = _Network(session, key, uri)
        try:
            yield ClientV2(ClientV2.get_directory(directory_url, network), network)
        except AuthorityFault:
            raise
        except messages.Error as error:
            raise _refusal(error, network.retry_after) from error
        except errors.ValidationError as error:
            raise _unproven(error) from error
        except errors.IssuanceError as error:
            raise _refusal(error.error, network.retry_after) from error
        except errors.TimeoutError as error:
            raise AuthorityFault(Trouble.UNREACHABLE, "It did not finish in time.") from error
        except (requests.RequestException, OSError) as error:
            raise AuthorityFault(Trouble.UNREACHABLE, str(error)) from error
        except (errors.Error, JoseError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise AuthorityFault(Trouble.UNREACHABLE, f"Its answer is not one of ACME: {_words(error)}.") from error


def _words(error: Exception) -> str:
    for part in error.args:
        if isinstance(part, requests.Response):
            return f"HTTP {part.status_code}"
    return (str(error) or type(error).__name__)[:300].rstrip(".")


def _refusal(error: messages.Error, retry_after: timedelta | None) -> AuthorityFault:
    trouble = Trouble.RATE if error.code == "rateLimited" else Trouble.REFUSED
    return AuthorityFault(trouble, _detail(error), _document(error), retry_after)


def _unproven(error: errors.ValidationError) -> AuthorityFault:
    found = [one.error for authz in error.failed_authzrs for one in authz.body.challenges if one.error is not None]
    if not found:
        return AuthorityFault(Trouble.CHALLENGE, "It gave no reason.")
    return AuthorityFault(Trouble.CHALLENGE, _detail(found[0]), _document(found[0]))


def _detail(error: messages.Error) -> str:
    return str(error.detail or error.title or error.description or error.typ)


def _document(error: messages.Error) -> dict[str, Any]:
    held = {"type": error.typ, "title": error.title, "detail": error.detail}
    return {key: str(value)[:2000] for key, value in held.items() if value}


# ---- What is asked ----------------------------------------------------------------------------------------------


def new_key() -> bytes:
    """Return a fresh ECDSA P-256 key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_terms(directory_url: str) -> AuthorityTerms:
    """Return what the directory says of itself; raises AuthorityFault."""
    with _client(directory_url) as client:
        meta = client.directory.meta
        identities = tuple(name for text in meta.caa_identities or () if _NAME.fullmatch(name := str(text).lower()))
        client.directory.newNonce, client.directory.newAccount, client.directory.newOrder  # noqa: B018 - or it is none
        return AuthorityTerms(meta.terms_of_service or "", identities, bool(meta.external_account_required))


def register(directory_url: str, key_pem: bytes, contact: str, binding: Binding | None) -> str:
    """Make an account whose owner agrees to the terms and return its address; raises AuthorityFault."""
    with _client(directory_url, key_pem) as client:
        bound = None
        if binding is not None:
            public = client.net.key.public_key()
            bound = messages.ExternalAccountBinding.from_data(
                public, binding.key_id, binding.secret, client.directory
            )
        given = {"email": contact} if contact else {}
        wanted = messages.NewRegistration.from_data(
            terms_of_service_agreed=True, external_account_binding=bound, **given
        )
        return str(client.new_account(wanted).uri)


def is_known(account: Account) -> bool:
    """Return whether the authority still knows the account; raises AuthorityFault when it does not say."""
    with _client(account.directory_url, account.key_pem, account.uri) as client:
        try:
            client.query_registration(client.net.account)
        except messages.Error as error:
            if error.code in ("accountDoesNotExist", "unauthorized"):
                return False
            raise
        return True


def order(account: Account, name: str, key_pem: bytes, responder: Responder) -> str:
    """Return the certificate chain of a name for a key, in PEM, the leaf first; raises AuthorityFault."""
    with _client(account.directory_url, account.key_pem, account.uri, ORDER_SECONDS) as client:
        try:
            made = client.new_order(_request(name, key_pem))
            _prove(client, made, name, responder)
            deadline = datetime.now() + timedelta(seconds=ORDER_SECONDS)  # naive, as the library compares
            chain = str(client.poll_and_finalize(made, deadline).fullchain_pem)
        finally:
            responder.withdraw()
    _require_ours(chain, name, key_pem)
    return chain


def _request(name: str, key_pem: bytes) -> bytes:
    """Return the signing request: the name stands in SubjectAltName alone, so it may be longer than 64 octets."""
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    key: Any = load_pem_private_key(key_pem, None)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _prove(client: ClientV2, made: messages.OrderResource, name: str, responder: Responder) -> None:
    """Answer the challenge of each name that is not proven yet."""
    wanted = _CHALLENGES[responder.method]
    for authorization in made.authorizations:
        if authorization.body.status == messages.STATUS_VALID:
            continue
        challenge = next((one for one in authorization.body.challenges if isinstance(one.chall, wanted)), None)
        if challenge is None:
            raise AuthorityFault(Trouble.REFUSED, f"It does not offer {responder.method} for {name}.")
        response, content = challenge.response_and_validation(client.net.key)
        responder.present(name, str(challenge.chall.encode("token")), content)
        client.answer_challenge(challenge, response)


def _require_ours(chain: str, name: str, key_pem: bytes) -> None:
    """Raise AuthorityFault unless the leaf is for this name and this key."""
    try:
        leaf = x509.load_pem_x509_certificate(chain.encode())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        given = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ours = load_pem_private_key(key_pem, None).public_key()
        same = given == ours.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, x509.ExtensionNotFound) as error:
        raise AuthorityFault(Trouble.UNREACHABLE, f"What it issued cannot be read: {error}") from error
    if not same or name not in names.get_values_for_type(x509.DNSName):
        raise AuthorityFault(Trouble.REFUSED, "It issued a certificate for another name or key.")


def advice_of(directory_url: str, chain: str) -> Advice:
    """Return when the authority wants the certificate renewed (RFC 9773); without an answer, no advice."""
    again = datetime.now(UTC) + ADVICE_AGAIN
    with suppress(AuthorityFault), _client(directory_url) as client:
        renew_at, later = client.renewal_time(chain.encode())
        if renew_at is not None and renew_at.tzinfo is None:
            renew_at = renew_at.replace(tzinfo=UTC)
        return Advice(renew_at, max(later.astimezone(UTC), datetime.now(UTC) + timedelta(minutes=10)))
    return Advice(None, again)


def change_contact(account: Account, contact: str) -> None:
    """Tell the authority another address, or none; raises AuthorityFault."""
    with _client(account.directory_url, account.key_pem, account.uri) as client:
        wanted = (f"mailto:{contact}",) if contact else ()
        client.update_registration(client.net.account, messages.Registration(contact=wanted))
