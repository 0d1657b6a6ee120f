"""``/certificates`` and ``/acme-account``: the TLS certificates of the installation, and who signs them."""

from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, shown, words
from domains.api.paging import Listing, PageQuery, paginate
from domains.certificates.port import Method, Trouble
from domains.certificates.roll import Stage, stage_of
from domains.errors import NotFound
from domains.models import AcmeAccount as AccountRow
from domains.models import Certificate as CertificateRow
from domains.services import acme_account, certificates
from domains.services.certificate_rolls import roll_key, roll_of
from domains.times import instant

router = Router(tags=["certificates"])


class Certificate(Schema):
    """The certificate of one server name."""

    model_config = shown(
        name="mail.acme.example",
        standing="good",
        issuer="Let's Encrypt E7",
        method="http-01",
        not_before="2026-11-24T20:22:00Z",
        not_after="2027-02-22T20:22:00Z",
        next_attempt_at="2027-01-23T20:22:00Z",
        trouble="",
        detail="",
        problem={},
        failures=0,
        key_stage="steady",
    )
    name: str = Field(description="The name in A-labels.")
    standing: Annotated[str, words("good", "attention", "bad", "waiting")] = Field(
        description="Attention: renewal is late. Bad: there is none, or it is over. Waiting: not ordered yet."
    )
    issuer: str = Field(description="Who signed it, empty before the first issue.")
    method: Annotated[str, words("", *Method)] = Field(description="How the name was proven.")
    not_before: Instant | None = Field(description="From when it is good.")
    not_after: Instant | None = Field(description="Until when it is good.")
    next_attempt_at: Instant | None = Field(description="When it is ordered, renewed, or tried again.")
    trouble: Annotated[str, words(*Trouble)] = Field(description="Why the last attempt came to nothing.")
    detail: str = Field(description="The same in words, the authority's own where it spoke.")
    problem: dict[str, Any] = Field(description="The authority's problem document (RFC 7807).")
    failures: int = Field(description="How many attempts failed since the last success.")
    key_stage: Annotated[str, words(*Stage)] = Field(
        description="The replacement of the key: announced until its TLSA record is seen, ageing for two TTLs, "
        "ready; leaving while the last key's record must stay."
    )


class AcmeAccount(Schema):
    """The account at the certificate authority."""

    model_config = shown(
        directory_url="https://acme-v02.api.letsencrypt.org/directory",
        uri="https://acme-v02.api.letsencrypt.org/acme/acct/1",
        contact="hostmaster@acme.example",
        terms_url="https://letsencrypt.org/documents/LE-SA.pdf",
        agreed_by="rosa@operator.example",
        agreed_at="2026-11-24T21:22:00Z",
        caa_identities=["letsencrypt.org"],
    )
    directory_url: str = Field(description="The authority's ACME directory.")
    uri: str = Field(description="The account's address there.")
    contact: str = Field(description="An e-mail address, or empty.")
    terms_url: str = Field(description="The terms that were agreed to.")
    agreed_by: str = Field(description="Who agreed.")
    agreed_at: Instant | None = Field(description="When.")
    caa_identities: list[str] = Field(description="What CAA records call the authority (RFC 8659).")


class NewAcmeAccount(Schema):
    """The authority to order from; another directory makes another account."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"directory_url": "https://acme-v02.api.letsencrypt.org/directory", "agree": True}]
        },
    )
    directory_url: str = Field(description="The authority's ACME directory.")
    contact: str = Field(default="", description="An e-mail address for the authority, or empty.")
    agree: bool = Field(default=False, description="The caller has read the authority's terms and agrees to them.")
    key_id: str = Field(default="", description="The identifier of an external account binding.")
    secret: str = Field(default="", description="The key of the binding in base64url; used once and not kept.")


def _certificate(row: CertificateRow) -> Certificate:
    return Certificate(
        name=row.name,
        standing=certificates.standing_of(row),
        issuer=row.issuer,
        method=row.method,
        not_before=instant(row.not_before),
        not_after=instant(row.not_after),
        next_attempt_at=instant(row.due_at),
        trouble=row.trouble,
        detail=acme_account.sentence_of(row.trouble, row.detail),
        problem=row.problem,
        failures=row.failures,
        key_stage=stage_of(roll_of(row), timezone.now()),
    )


def _account(row: AccountRow) -> AcmeAccount:
    return AcmeAccount(
        directory_url=row.directory_url,
        uri=row.uri,
        contact=row.contact,
        terms_url=row.terms_url,
        agreed_by=row.agreed_by,
        agreed_at=instant(row.agreed_at),
        caa_identities=row.caa_identities,
    )


@router.get("/certificates", response=Listing[Certificate], summary="List certificates")
def list_certificates(request: HttpRequest, page: PageQuery) -> Listing[Certificate]:
    """List the server names by name, each with its certificate and what comes next."""
    return paginate(certificates.certificates_for(act_of(request)), page, ["name"], _certificate)


@router.post("/certificates/{name}/renew", response={202: Certificate}, summary="Order a certificate now")
def renew_certificate(request: HttpRequest, name: str) -> Status[Certificate]:
    """Have a certificate ordered within a minute, whatever failed before."""
    return Status(202, _certificate(certificates.renew(act_of(request), name)))


@router.post("/certificates/{name}/roll", response={202: Certificate}, summary="Replace a certificate's key")
def roll_certificate(request: HttpRequest, name: str) -> Status[Certificate]:
    """Make the next key; where the DNS pins the one in use, it waits until its own TLSA record is seen everywhere."""
    return Status(202, _certificate(roll_key(act_of(request), name)))


@router.get("/acme-account", response=AcmeAccount, summary="Read the account at the certificate authority")
def read_acme_account(request: HttpRequest) -> AcmeAccount:
    """Return the account; 404 while there is none."""
    row = acme_account.account_for(act_of(request))
    if row is None:
        raise NotFound("No certificate authority is chosen.")
    return _account(row)


@router.put("/acme-account", response=AcmeAccount, summary="Choose the certificate authority")
def write_acme_account(request: HttpRequest, payload: NewAcmeAccount) -> AcmeAccount:
    """Make an account at a directory, or change the contact of the one there."""
    return _account(acme_account.set_account(act_of(request), **payload.dict()))
