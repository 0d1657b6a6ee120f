"""Whether a report may arrive where it did: reports on one domain that come to another's (RFC 9990 section 4).

The reports on a domain go to its own address, to those of domains above or below it, and to the addresses elsewhere
that its DMARC record names; the receiving domain agrees by ``A._report._dmarc.B``. Both being ours, the panel asks
for that record itself (``services.publication``), and the name in the DMARC record – the wanted one, or the one last
seen in the DNS – is what authorises. A mailbox that is watched for one domain brings reports on that one alone, and
what somebody handed in, however late it is read, reports on what that person administers.
"""

from typing import Literal

from django.utils.translation import gettext as _

from domains.dmarc.record import BadPolicyRecord, parse_policy_record
from domains.models import Domain, RecordObservation, ReportFile
from domains.services.dmarc_policy import dmarc_policy_of

Tag = Literal["rua", "ruf"]


def refusal_of(file: ReportFile, about: Domain, tag: Tag = "rua") -> str:
    """Return why a report on ``about`` is not taken from this file, in one sentence, or an empty string.

    ``tag`` is the one of the DMARC record that names where such reports go.
    """
    if file.road == "upload":
        foreign = _("The report is about %(domain)s, which is not a domain of ours.") % {"domain": about.name}
        return "" if _may_bring(file, about) else foreign
    arrived = file.domain
    if arrived is None or arrived.pk == about.pk:
        return ""
    names = {"about": about.name, "arrived": arrived.name}
    if file.road != "mail":
        return _("The report is about %(about)s, and its mailbox is watched for %(arrived)s alone.") % names
    if _is_related(arrived.name, about.name) or arrived.name in _named_by(about, tag):
        return ""
    return (
        _(
            "The report is about %(about)s and came to an address of %(arrived)s, which no record of %(about)s names "
            "(RFC 9990)."
        )
        % names
    )


def _may_bring(file: ReportFile, about: Domain) -> bool:
    """True when whoever handed the file in administers the domain, whoever has it read now."""
    person = file.brought_by
    if person is None:
        return file.domain_id == about.pk
    return person.is_superadmin or person.domains.filter(pk=about.pk).exists()


def _is_related(one: str, other: str) -> bool:
    return one.endswith(f".{other}") or other.endswith(f".{one}")


def _named_by(domain: Domain, tag: Tag) -> set[str]:
    """Return the domains of the addresses for reports that its DMARC record names, as wanted and as last seen."""
    addresses = list(getattr(dmarc_policy_of(domain), tag))
    seen = RecordObservation.objects.filter(domain=domain, purpose="dmarc").values_list("found", flat=True)
    for text in [text for found in seen for text in found]:
        try:
            addresses += getattr(parse_policy_record(str(text)), tag)
        except BadPolicyRecord:
            continue
    return {address.rpartition("@")[2].lower() for address in addresses}
