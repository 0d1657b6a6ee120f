"""``/report-mailboxes``: mailboxes elsewhere that are watched for reports, over IMAP."""

from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from domains.api.act import act_of
from domains.api.answers import Instant, shown
from domains.api.paging import Listing, PageQuery, paginate
from domains.models import ReportMailbox
from domains.services import report_mailboxes as service
from domains.times import instant

router = Router(tags=["reports"])

Security = Literal["tls", "starttls"]

_EXAMPLE = {
    "host": "imap.example.org",
    "port": 993,
    "security": "tls",
    "user": "reports@example.org",
    "folder": "INBOX",
    "move_to": "",
    "trusted_results": "mx.example.org",
    "domain": "acme.example",
    "enabled": True,
}


class MailboxIn(Schema):
    """A mailbox to watch; it is tried out first."""

    model_config = shown(**_EXAMPLE | {"password": "tall giraffes read"})
    host: str = Field(max_length=253, description="The IMAP server, by the name in its certificate.")
    port: int = Field(default=993, ge=1, le=65535, description="Its port.")
    security: Security = Field(default="tls", description="TLS from the first octet, or STARTTLS.")
    user: str = Field(max_length=320, description="The user name.")
    password: str = Field(
        default="", max_length=1000, description="Kept sealed, never shown. Empty at a change: the one that is kept."
    )
    folder: str = Field(default="INBOX", max_length=200, description="The folder to read.")
    move_to: str = Field(default="", max_length=200, description="Where taken messages go; empty: they stay, unread.")
    trusted_results: str = Field(
        default="", max_length=253, description="The authserv-id whose Authentication-Results are believed; or none."
    )
    domain: str = Field(default="", max_length=253, description="The domain it is for; empty: all (superadmin).")
    enabled: bool = Field(default=True, description="Whether it is looked at every five minutes.")


class WatchedMailbox(Schema):
    """A watched mailbox and how it stands."""

    model_config = shown(**_EXAMPLE, id=3, fault="", taken=120, checked_at="2026-11-25T08:00:00Z")
    id: int = Field(description="Its number.")
    host: str = Field(description="The IMAP server.")
    port: int = Field(description="Its port.")
    security: Security = Field(description="How the connection is protected.")
    user: str = Field(description="The user name.")
    folder: str = Field(description="The folder that is read.")
    move_to: str = Field(description="Where taken messages go; empty: they stay.")
    trusted_results: str = Field(description="The authserv-id whose Authentication-Results are believed.")
    domain: str = Field(description="The domain it is for; empty: all.")
    enabled: bool = Field(description="Whether it is looked at every five minutes.")
    fault: str = Field(description="Why the last look failed; empty when it did not.")
    taken: int = Field(description="How many messages were taken in.")
    checked_at: Instant | None = Field(description="When it was last looked at.")


class MailboxTried(Schema):
    """What was seen when a mailbox was tried."""

    model_config = shown(fault="", messages=12)
    fault: str = Field(description="Why it cannot be read, in words; empty when it can.")
    messages: int = Field(description="How many messages the folder holds.")


def _show(row: ReportMailbox) -> WatchedMailbox:
    return WatchedMailbox(
        id=row.pk,
        host=row.host,
        port=row.port,
        security=row.security,  # type: ignore[arg-type]
        user=row.user,
        folder=row.folder,
        move_to=row.move_to,
        trusted_results=row.trusted_results,
        domain=row.domain.name if row.domain else "",
        enabled=row.enabled,
        fault=row.fault,
        taken=row.taken,
        checked_at=instant(row.checked_at),
    )


@router.get("/report-mailboxes", response=Listing[WatchedMailbox], summary="Watched mailboxes elsewhere")
def list_report_mailboxes(request: HttpRequest, page: PageQuery) -> Listing[WatchedMailbox]:
    """List the watched mailboxes in reach, by their numbers."""
    return paginate(service.mailboxes_for(act_of(request)), page, ["id"], _show)


@router.post("/report-mailboxes", response={201: WatchedMailbox}, summary="Watch a mailbox elsewhere")
def create_report_mailbox(request: HttpRequest, body: MailboxIn) -> Status[WatchedMailbox]:
    """Try the mailbox out and keep it; 422 says in words what is wrong, by field."""
    return Status(201, _show(service.set_mailbox(act_of(request), **body.dict())))


@router.get("/report-mailboxes/{id}", response=WatchedMailbox, summary="One watched mailbox")
def get_report_mailbox(request: HttpRequest, id: int) -> WatchedMailbox:
    """Return one watched mailbox."""
    return _show(service.get_mailbox_for(act_of(request), id))


@router.put("/report-mailboxes/{id}", response=WatchedMailbox, summary="Change a watched mailbox")
def set_report_mailbox(request: HttpRequest, id: int, body: MailboxIn) -> WatchedMailbox:
    """Try the mailbox out and keep the change; another host, port or user needs the password."""
    return _show(service.set_mailbox(act_of(request), id, **body.dict()))


@router.delete("/report-mailboxes/{id}", response={204: None}, summary="Stop watching a mailbox")
def delete_report_mailbox(request: HttpRequest, id: int) -> Status[None]:
    """Forget the mailbox and its password; what was taken in stays."""
    service.delete_mailbox(act_of(request), id)
    return Status(204, None)


@router.post("/report-mailboxes/{id}/try", response=MailboxTried, summary="Try a watched mailbox")
def try_report_mailbox(request: HttpRequest, id: int) -> MailboxTried:
    """Look at the mailbox now without taking anything in."""
    tried = service.try_mailbox(act_of(request), id)
    return MailboxTried(fault=tried.fault, messages=tried.messages)
