"""``/domains/{name}/bimi``: the logo of a domain."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import shown, words
from domains.dmarc.bimi import Caution
from domains.models import Domain
from domains.services.bimi import bimi_text, cautions_of, set_bimi
from domains.services.provision import get_domain_for

router = Router(tags=["domains"])


class NewBimi(Schema):
    """The logo of a domain; empty takes it away."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"logo_url": "https://acme.example/logo.svg"}]}
    )
    logo_url: str = Field(description="The https address of the logo, an SVG file.")
    certificate_url: str = Field(default="", description="The https address of a mark certificate for it (PEM).")


class Bimi(Schema):
    """The logo of a domain, and the record that names it."""

    model_config = shown(
        logo_url="https://acme.example/logo.svg",
        certificate_url="https://acme.example/logo.pem",
        record="v=BIMI1; l=https://acme.example/logo.svg; a=https://acme.example/logo.pem",
        cautions=["policy"],
    )
    logo_url: str = Field(description="The address of the logo; empty without one.")
    certificate_url: str = Field(description="The address of the certificate that vouches for it; may be empty.")
    record: str = Field(description="The text to publish; empty without a logo.")
    cautions: list[Annotated[str, words(*Caution)]] = Field(description="What keeps the logo from being shown.")


def _show(domain: Domain) -> Bimi:
    return Bimi(
        logo_url=domain.bimi_logo,
        certificate_url=domain.bimi_certificate,
        record=bimi_text(domain),
        cautions=[str(caution) for caution in cautions_of(domain)],
    )


@router.get("/domains/{name}/bimi", response=Bimi, summary="Read the logo")
def read_bimi(request: HttpRequest, name: str) -> Bimi:
    """Return the logo of a domain, its record, and what keeps it from being shown."""
    return _show(get_domain_for(act_of(request), name))


@router.put("/domains/{name}/bimi", response=Bimi, summary="Set the logo")
def write_bimi(request: HttpRequest, name: str, payload: NewBimi) -> Bimi:
    """Set or take away the logo; the record has to be published by its owner."""
    return _show(set_bimi(act_of(request), name, payload.logo_url, payload.certificate_url))
