"""Whether a report may arrive where it did: reports on one domain that come to another's (RFC 9990 section 4).

The reports on a domain go to its own address, to those of domains above or below it, and to the addresses elsewhere
that its DMARC record names; the receiving domain agrees by ``A._report._dmarc.B``. Both being ours, the panel asks
for that record itself (``services.publication``), and the name in the DMARC record – the wanted one, or the one last
seen in the DNS – is what authorises. A mailbox that is watched for one domain brings reports on that one alone.
"""

from django.utils.translation import gettext as _

from domains.dmarc.record import BadPolicyRecord, parse_policy_record
from domains.models import Domain, RecordObservation, ReportFile
from domains.services.dmarc_policy import dmarc_policy_of


def refusal_of(file: ReportFile, about: Domain) -> str:
    """Return why a report on ``about`` is not taken from this file, in one sentence, or an empty string."""
    arrived = file.domain
    if arrived is None or arrived.pk == about.pk:
        return ""
    names = {"about": about.name, "arrived": arrived.name}
    if file.road != "mail":
        return _("The report is about %(about)s, and its mailbox is watched for %(arrived)s alone.") % names
    if _is_related(arrived.name, about.name) or arrived.name in _named_by(about):
        return ""
    return (
        _(
            "The report is about %(about)s and came to an address of %(arrived)s, which no record of %(about)s names "
            "(RFC 9990)."
        )
        % names
    )


def _is_related(one: str, other: str) -> bool:
    return one.endswith(f".{other}") or other.endswith(f".{one}")


def _named_by(domain: Domain) -> set[str]:
    """Return the domains of the addresses for reports that its DMARC record names, as wanted and as last seen."""
    addresses = list(dmarc_policy_of(domain).rua)
    seen = RecordObservation.objects.filter(domain=domain, purpose="dmarc").values_list("found", flat=True)
    for text in [text for found in seen for text in found]:
        try:
            addresses += parse_policy_record(str(text)).rua
        except BadPolicyRecord:
            continue
    return {address.rpartition("@")[2].lower() for address in addresses}
