"""What an administrator says of a network in a domain's reports: remembered, and winning over all other evidence."""

from ipaddress import ip_network

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import NotFound, Refused, Taken
from domains.models import Domain, SourceCorrection
from domains.reports.kinds import KINDS
from domains.services.provision import get_domain_for, require_administrator
from domains.services.report_rollup import reclassify

MAXIMUM = 500
LONGEST_NAME, LONGEST_NOTE = 100, 500
WIDEST = {4: 8, 6: 16}


def corrections_of(domain: Domain) -> list[SourceCorrection]:
    """Return what administrators said, in the order in which they did."""
    return list(domain.source_corrections.all())


def add_correction(
    act: Act, name: str, network: str, kind: str, sender: str = "", note: str = ""
) -> SourceCorrection:
    """Say of an address or network who it is; raises NotFound, Forbidden, Refused, Taken."""
    domain = get_domain_for(act, name)
    require_administrator(act)
    values = _checked(network, kind, sender, note)
    if domain.source_corrections.count() >= MAXIMUM:
        raise Refused({"network": _("A domain has at most %(count)d corrections.") % {"count": MAXIMUM}})
    try:
        with transaction.atomic():
            row = SourceCorrection.objects.create(domain=domain, made_by=act.name[:320], **values)
            record(act, "correction.add", "source_correction", row.network, domain.name, {"kind": row.kind})
    except IntegrityError as error:
        raise Taken({"network": _("Of this network something is said already.")}) from error
    _judge_again(domain, row.network)
    return row


def remove_correction(act: Act, name: str, identifier: int) -> None:
    """Take one back; raises NotFound, Forbidden."""
    domain = get_domain_for(act, name)
    require_administrator(act)
    with transaction.atomic():
        row = domain.source_corrections.select_for_update().filter(pk=identifier).first()
        if row is None:
            raise NotFound(_("There is no such correction."))
        network = row.network
        record(act, "correction.remove", "source_correction", network, domain.name, {"kind": row.kind})
        row.delete()
    _judge_again(domain, network)


def _checked(network: str, kind: str, sender: str, note: str) -> dict[str, str]:
    try:
        found = ip_network("" if "%" in network else network.strip(), strict=False)
    except ValueError as error:
        raise Refused({"network": _("This is neither an address nor a network.")}) from error
    if found.prefixlen < WIDEST[found.version]:
        text = _("A network is at most as wide as /%(prefix)d.")
        raise Refused({"network": text % {"prefix": WIDEST[found.version]}})
    if kind not in KINDS:
        raise Refused({"kind": _("Allowed are %(words)s.") % {"words": ", ".join(KINDS)}})
    cleaned = {"name": " ".join(sender.split()), "note": " ".join(note.split())}
    for field, longest in (("name", LONGEST_NAME), ("note", LONGEST_NOTE)):
        if len(cleaned[field]) > longest or not cleaned[field].isprintable():
            raise Refused({field: _("At most %(count)d characters on one line.") % {"count": longest}})
    return {"network": str(found), "kind": kind, **cleaned}


def _judge_again(domain: Domain, network: str) -> None:
    """Judge the streams from that network."""
    reclassify(domain.pk, network=network)
