"""SCRAM-SHA-256 and its channel binding, by the RFC's example and by tables of what is refused."""

import hmac
from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailboxes.scram import MESSAGE_OCTETS, ScramFault, ScramServer, Verifier, make_verifier

SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_NONCE, SERVER_NONCE = b"rOprNGfwEbeRWgbNEkqO", rb"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
PENCIL, OTHER = make_verifier("pencil", SALT), make_verifier("pen", SALT)
BINDING = sha256(b"the certificate").digest()
FIRST = b"n,,n=user,r=" + CLIENT_NONCE
LAST = b"c=biws,r=" + CLIENT_NONCE + SERVER_NONCE


def prove(server_first: bytes, bare: bytes, without_proof: bytes, password: bytes = b"pencil") -> bytes:
    """The client's final message (RFC 5802 §3)."""
    salted = pbkdf2_hmac("sha256", password, SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", sha256)
    signature = hmac.digest(sha256(client_key).digest(), b",".join((bare, server_first, without_proof)), sha256)
    return without_proof + b",p=" + b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))


def run(first: bytes, header: bytes, verifiers: list[Verifier], **given: object) -> tuple[ScramServer, int | None]:
    """One exchange of a client that binds as ``header`` says."""
    server = ScramServer(SERVER_NONCE, **given)  # type: ignore[arg-type]
    server.read_first(first)
    challenge = server.challenge(SALT)
    without_proof = b"c=" + b64encode(header) + b",r=" + CLIENT_NONCE + SERVER_NONCE
    bare = b"n=user,r=" + CLIENT_NONCE
    return server, server.read_final(prove(challenge, bare, without_proof), verifiers)


def test_the_example_of_rfc_7677_section_3() -> None:
    server = ScramServer(SERVER_NONCE)
    assert server.read_first(FIRST) == "user"
    challenge = rb"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert server.challenge(SALT) == challenge
    final = LAST + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert server.read_final(final, [PENCIL]) == 0
    assert server.outcome(PENCIL) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_proof_tells_which_of_several_passwords_it_was() -> None:
    assert run(FIRST, b"n,,", [OTHER, PENCIL])[1] == 1
    assert run(FIRST, b"n,,", [OTHER])[1] is None
    assert run(FIRST, b"n,,", [])[1] is None


def test_the_certificate_is_bound() -> None:
    header = b"p=tls-server-end-point,,"
    first = header + b"n=user,r=" + CLIENT_NONCE
    assert run(first, header + BINDING, [PENCIL], binding=BINDING, plus=True)[1] == 0
    with pytest.raises(ScramFault, match="bindings"):
        run(first, header + sha256(b"another").digest(), [PENCIL], binding=BINDING, plus=True)


NONCE = b",r=" + CLIENT_NONCE
FIRSTS = [
    (b"", {}, "empty"),
    (b"n=user" + NONCE, {}, "no header"),
    (b"n,,r=" + CLIENT_NONCE, {}, "no user name"),
    (b"n,,n=" + NONCE, {}, "an empty user name"),
    (b"n,,n=user", {}, "no nonce"),
    (b"n,,n=user,r=", {}, "an empty nonce"),
    (b"n,,n=user,r=a b", {}, "a space in the nonce"),
    (b"n,,n=us=er" + NONCE, {}, "an escape that is none"),
    (b"n,,n=us\0er" + NONCE, {}, "NUL"),
    (b"n,,n=\xff" + NONCE, {}, "not UTF-8"),
    (b"n,,m=x,n=user" + NONCE, {}, "an extension that must be understood"),
    (b"n,a=bob,n=user" + NONCE, {}, "for another user"),
    (b"y,,n=user" + NONCE, {"binding": BINDING}, "-PLUS was hidden from the client"),
    (b"p=tls-server-end-point,,n=user" + NONCE, {"binding": BINDING}, "bound under the plain mechanism"),
    (b"n,,n=user" + NONCE, {"binding": BINDING, "plus": True}, "-PLUS without a binding"),
    (b"p=tls-unique,,n=user" + NONCE, {"binding": BINDING, "plus": True}, "a binding that is not ours"),
    (b"p=tls-exporter,,n=user" + NONCE, {"binding": BINDING, "plus": True}, "nor this one"),
    (b"p=tls-server-end-point,,n=user" + NONCE, {"plus": True}, "our certificate is not known"),
    (b"n,,n=" + b"u" * MESSAGE_OCTETS + NONCE, {}, "too long"),
]


@pytest.mark.parametrize(("message", "server", "why"), FIRSTS, ids=[row[2] for row in FIRSTS])
def test_a_first_message_is_refused(message: bytes, server: dict[str, object], why: str) -> None:
    with pytest.raises(ScramFault):
        ScramServer(SERVER_NONCE, **server).read_first(message)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "username"),
    [
        (b"n,,n=a=2Cb=3Dc" + NONCE, "a,b=c"),
        (b"n,,n=a=3D2Cb" + NONCE, "a=2Cb"),
        (b"y,,n=user" + NONCE, "user"),
        (b"n,a=user,n=user" + NONCE, "user"),
        ("n,,n=jürgen@bücher.example".encode() + NONCE, "jürgen@bücher.example"),
        (b"n,,n=user" + NONCE + b",x=more", "user"),
    ],
)
def test_user_names(message: bytes, username: str) -> None:
    assert ScramServer(SERVER_NONCE).read_first(message) == username


PROOF = b",p=" + b64encode(b"x" * 32)
FINALS = [
    (b"", "empty"),
    (LAST, "no proof"),
    (LAST + b",p=!", "not base64"),
    (LAST + b",p=YWJj", "too short a proof"),
    (b"c=eSws,r=" + CLIENT_NONCE + SERVER_NONCE + PROOF, "another header than at first"),
    (b"c=biws,r=" + CLIENT_NONCE + PROOF, "half the nonce"),
    (b"c=biws,r=" + CLIENT_NONCE + SERVER_NONCE + b"x" + PROOF, "another nonce"),
]


@pytest.mark.parametrize(("message", "why"), FINALS, ids=[row[1] for row in FINALS])
def test_a_final_message_is_refused(message: bytes, why: str) -> None:
    server = ScramServer(SERVER_NONCE)
    server.read_first(FIRST)
    server.challenge(SALT)
    with pytest.raises(ScramFault):
        server.read_final(message, [PENCIL])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hostile_octets_raise_only_the_declared_fault(first: bytes, final: bytes) -> None:
    server = ScramServer(SERVER_NONCE)
    for octets, read in ((first, server.read_first), (final, lambda octets: server.read_final(octets, [PENCIL]))):
        try:
            read(octets)
        except ScramFault:
            continue
