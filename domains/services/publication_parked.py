"""The records of a parked domain, which neither sends nor receives mail: nobody is to believe mail in its name.

DMARC is not here: its record is made for every kind in ``services.publication``, from ``services.dmarc_policy``.
"""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from domains.models import Domain, KeyState
from domains.services.desired import DesiredRecord

NULL_MX = "0 ."
NO_SENDERS = "v=spf1 -all"
NO_KEY = "v=DKIM1; p="


def parked_records(domain: Domain) -> Iterator[DesiredRecord]:
    """Give null MX, an SPF record without senders, the revoked keys, all selectors in one and those that signed."""
    name = domain.name
    about = _("Tells other servers that this domain takes no mail, so that they need not try (RFC 7505).")
    yield DesiredRecord(name, name, "MX", NULL_MX, "mx", about)
    about = _("Says that no server sends mail with this domain as envelope sender (RFC 7208).")
    yield DesiredRecord(name, name, "TXT", NO_SENDERS, "spf", about)
    about = _("Says that every signing key of this domain is revoked, whatever its name (RFC 6376).")
    yield DesiredRecord(f"*._domainkey.{name}", name, "TXT", NO_KEY, "dkim", about)
    about = _("The old key is revoked. Take its record out, and the one for all names answers for it (RFC 6376).")
    for key in domain.dkim_keys.all():
        if key.state == KeyState.REVOKED:
            old = f"{key.selector}._domainkey.{name}"
            yield DesiredRecord(old, name, "TXT", NO_KEY, "dkim", about, required=False)
