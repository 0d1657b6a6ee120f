"""``/domains/{name}/dmarc/corrections``: what administrators said of networks in a domain's reports."""

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import Instant, moment, shown, words
from domains.api.paging import Listing, PageQuery, paginate_list
from domains.models import SourceCorrection
from domains.reports.kinds import KINDS
from domains.services import report_corrections
from domains.services.provision import get_domain_for

router = Router(tags=["reports"])


class NewCorrection(Schema):
    """What to say of a network."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"network": "203.0.113.0/24", "kind": "own", "name": "Old web server"}]},
    )
    network: str = Field(description="An address, or a network with its prefix length.")
    kind: Literal["own", "service-aligned", "service-misaligned", "forwarder", "unknown", "impostor"] = Field(
        description="What its mail is."
    )
    name: str = Field(default="", description="Who it is, as people say.")
    note: str = Field(default="", description="One line for people.")


class Correction(Schema):
    """What an administrator said of a network; it wins over all other evidence."""

    model_config = shown(
        id=4,
        network="203.0.113.0/24",
        kind="own",
        name="Old web server",
        note="",
        made_by="alice@acme.example",
        made_at="2026-11-25T09:00:00Z",
    )
    id: int = Field(description="What it is deleted by.")
    network: str = Field(description="The network; an address has the full prefix length.")
    kind: Annotated[str, words(*KINDS)] = Field(description="What its mail is.")
    name: str = Field(description="Who it is.")
    note: str = Field(description="One line for people.")
    made_by: str = Field(description="Who said so.")
    made_at: Instant = Field(description="When.")


def show_correction(row: SourceCorrection) -> Correction:
    """Return one correction."""
    return Correction(
        id=row.pk,
        network=row.network,
        kind=row.kind,
        name=row.name,
        note=row.note,
        made_by=row.made_by,
        made_at=moment(row.made_at),
    )


@router.get("/domains/{name}/dmarc/corrections", response=Listing[Correction], summary="List corrections of sources")
def list_corrections(request: HttpRequest, name: str, page: PageQuery) -> Listing[Correction]:
    """List what was said of networks, oldest first."""
    domain = get_domain_for(act_of(request), name)
    return paginate_list(report_corrections.corrections_of(domain), page, show_correction)


@router.post("/domains/{name}/dmarc/corrections", response={201: Correction}, summary="Correct a source")
def add_correction(request: HttpRequest, name: str, body: NewCorrection) -> Status[Correction]:
    """Say who a network is; its streams are judged anew, past days too."""
    row = report_corrections.add_correction(act_of(request), name, body.network, body.kind, body.name, body.note)
    return Status(201, show_correction(row))


@router.delete(
    "/domains/{name}/dmarc/corrections/{int:correction}", response={204: None}, summary="Take a correction back"
)
def remove_correction(request: HttpRequest, name: str, correction: int) -> Status[None]:
    """Judge the network by its evidence again."""
    report_corrections.remove_correction(act_of(request), name, correction)
    return Status(204, None)
