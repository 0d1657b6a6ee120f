"""The logo of a domain: set by its administrators, published as one record, with what keeps it from being shown."""

from collections.abc import Iterator

from django.db import transaction
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dmarc.bimi import (
    SELECTOR,
    BimiRecord,
    Caution,
    UrlFault,
    cautions,
    fault_of_url,
    serialise_bimi_record,
)
from domains.errors import Refused
from domains.models import Domain, DomainKind
from domains.services.desired import DesiredRecord
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.provision import get_domain_for


def bimi_of(domain: Domain) -> BimiRecord | None:
    """Return what the domain publishes; None without a logo, and for a domain that sends no mail."""
    if not domain.bimi_logo or domain.kind == DomainKind.PARKED:
        return None
    return BimiRecord(domain.bimi_logo, domain.bimi_certificate)


def bimi_text(domain: Domain) -> str:
    """Return the record's value; empty without one."""
    wanted = bimi_of(domain)
    return serialise_bimi_record(wanted) if wanted is not None else ""


def bimi_records(domain: Domain) -> Iterator[DesiredRecord]:
    """Give the record of a domain that has a logo."""
    value = bimi_text(domain)
    if value:
        about = _(
            "Names the logo that some mail programs show beside mail from this domain when it passes DMARC (BIMI)."
        )
        name = f"{SELECTOR}._bimi.{domain.name}"
        yield DesiredRecord(name, domain.name, "TXT", value, "bimi", about, required=False)


def cautions_of(domain: Domain) -> list[Caution]:
    """Return what keeps the logo from being shown; needs the observations, empty without a logo."""
    wanted = bimi_of(domain)
    if wanted is None:
        return []
    seen = (text for row in domain.observations.all() if row.purpose == "dmarc" for text in row.found)
    return list(cautions(wanted, dmarc_policy_of(domain), next(seen, "")))


@transaction.atomic
def set_bimi(act: Act, name: str, logo_url: str, certificate_url: str = "") -> Domain:
    """Set or, with empty texts, take away the logo; raises NotFound, Refused."""
    domain = get_domain_for(act, name, lock=True)
    logo, certificate = logo_url.strip(), certificate_url.strip()
    if logo and domain.kind == DomainKind.PARKED:
        raise Refused({"logo_url": _("A parked domain sends no mail that could have a logo.")})
    if certificate and not logo:
        raise Refused({"logo_url": _("A certificate vouches for a logo: name the logo too.")})
    _check("logo_url", logo, True)
    _check("certificate_url", certificate, False)
    before = bimi_text(domain)
    domain.bimi_logo, domain.bimi_certificate = logo, certificate
    after = bimi_text(domain)
    if before != after:
        domain.save(update_fields=["bimi_logo", "bimi_certificate"])
        record(act, "domain.change", "domain", domain.name, domain.name, {"bimi": [before, after]})
    return domain


def _check(field: str, url: str, logo: bool) -> None:
    fault = fault_of_url(url, logo) if url else None
    if fault is None:
        return
    texts = {
        UrlFault.CHARACTERS: _(
            "At most 500 characters fit; spaces, commas, semicolons and the like are encoded as %xx."
        ),
        UrlFault.HTTPS: _("It is an address that begins with https:// and the name of a host."),
        UrlFault.SVG: _("The logo is an SVG file: its name ends with .svg."),
    }
    raise Refused({field: texts[fault]})
