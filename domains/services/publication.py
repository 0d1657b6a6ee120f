"""The records that a domain should publish: one definition for emission, checking and the API.

Names are FQDNs in A-labels without the final dot, values one unquoted, unsplit string.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from domains.dkim.record import serialise_key_record
from domains.dkim.slots import TTL as HOSTED_TTL
from domains.dkim.slots import slots_of, target_of
from domains.dmarc.record import serialise_policy_record
from domains.dns import texts
from domains.models import DkimKey, Domain, DomainKind, DomainState, KeyState
from domains.services.autoconfig import offered_services
from domains.services.bimi import bimi_records
from domains.services.desired import TTL
from domains.services.desired import DesiredRecord as DesiredRecord
from domains.services.dmarc_policy import dmarc_policy_of
from domains.services.mta_sts import HOST_LABEL, policy_of
from domains.services.publication_certificates import certificate_records
from domains.services.publication_parked import parked_records
from domains.services.publication_spf import light_value, spf_value
from domains.tls.mta_sts import serialise_record

OWNERSHIP_LABEL = "_mailadmin-ownership"
_INSIDE = tuple(ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
_HOST_LABELS = {False: 1, True: 16}  # of a reverse name, below what is usually a zone: a /24, a /64
PUBLISHED_STATES = (KeyState.AWAITING_DNS, KeyState.ACTIVE, KeyState.RETIRING, KeyState.REVOKED)


def key_record_name(key: DkimKey) -> str:
    """Return the name of a key's record."""
    return f"{key.selector}._domainkey.{key.domain.name}"


def key_record_value(key: DkimKey) -> str:
    """Return the value of a key's record, empty ``p=`` once revoked."""
    return serialise_key_record(key.algorithm, "" if key.state == KeyState.REVOKED else key.public_key)


def hosted_name(key: DkimKey) -> str:
    """Return the name in a zone of the installation where a hosted key's text stands."""
    return target_of(key.selector, key.domain.name, key.hosted_in)


def ownership_value(domain: Domain) -> str:
    """Return the text that proves who controls the domain's DNS."""
    return f"mailadmin-ownership={domain.ownership_token}"


def desired_records(domain: Domain) -> list[DesiredRecord]:
    """Return every record to publish, those that mail needs first."""
    if domain.kind == DomainKind.PARKED:
        return [*_ownership(domain), *parked_records(domain), *_dmarc(domain)]
    return [
        *_ownership(domain),
        *_mx(domain),
        *_spf(domain),
        *_dkim(domain),
        *_policies(domain),
        *bimi_records(domain),
        *_mta_sts(domain),
        *certificate_records(domain, _host_zone(domain)),
        *_srv(domain),
        *_autoconfig(domain),
    ]


def _ownership(domain: Domain) -> Iterator[DesiredRecord]:
    if domain.state == DomainState.PENDING:
        about = _(
            "Proves that you control this domain. Until it is seen, no mail is accepted or signed for it; "
            "after 7 days without it, the domain is removed."
        )
        name = f"{OWNERSHIP_LABEL}.{domain.name}"
        yield DesiredRecord(name, domain.name, "TXT", ownership_value(domain), "ownership", about)


def _mx(domain: Domain) -> Iterator[DesiredRecord]:
    hostname = settings.MAILADMIN.hostname
    about = _("Tells other servers where to deliver mail for this domain (RFC 5321).")
    yield DesiredRecord(domain.name, domain.name, "MX", f"10 {hostname}", "mx", about)
    about = _("The address of the mail server itself.")
    for address in settings.MAILADMIN.public_addresses:
        type_ = "AAAA" if ":" in address else "A"
        yield DesiredRecord(hostname, _host_zone(domain), type_, address, "host", about)
    about = _(
        "The name that receivers find when they look this server's address up; many refuse mail without it (RFC "
        "1912). It is set where the address was rented, not in this zone."
    )
    for address in filter(_is_seen_outside, settings.MAILADMIN.public_addresses):
        name = ip_address(address).reverse_pointer
        yield DesiredRecord(name, name.split(".", _HOST_LABELS[":" in address])[-1], "PTR", hostname, "ptr", about)


def _is_seen_outside(address: str) -> bool:
    """True when other servers may see the address: nobody outside looks up one of a private network."""
    parsed = ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local or any(parsed in network for network in _INSIDE))


def _host_zone(domain: Domain) -> str:
    """Return the zone of the mail host: the domain when the host is in it, else what stands after its first label."""
    hostname = settings.MAILADMIN.hostname
    inside = hostname == domain.name or hostname.endswith(f".{domain.name}")
    return domain.name if inside else hostname.partition(".")[2] or hostname


def _spf(domain: Domain) -> Iterator[DesiredRecord]:
    value = spf_value(domain)
    about = _("Names the servers that may send mail with this domain as envelope sender (RFC 7208).")
    yield DesiredRecord(domain.name, domain.name, "TXT", value, "spf", about, suffices=light_value(value))


def _dkim(domain: Domain) -> Iterator[DesiredRecord]:
    keys = [key for key in domain.dkim_keys.all() if key.state in PUBLISHED_STATES]
    signing = {key.selector for key in keys if key.state == KeyState.ACTIVE}
    yield from _aliases(domain, keys)
    for key in keys:
        key.domain = domain
        # Mail goes on well signed while a successor is not yet there, and when a revoked key's record is gone.
        required = key.state != KeyState.REVOKED and key.replaces not in signing
        about = _key_about(key)
        name, zone = (hosted_name(key), key.hosted_in) if key.hosted_in else (key_record_name(key), domain.name)
        ttl = HOSTED_TTL if key.hosted_in else TTL
        managed = bool(key.hosted_in)
        yield DesiredRecord(name, zone, "TXT", key_record_value(key), "dkim", about, required, ttl, managed)


def _aliases(domain: Domain, keys: list[DkimKey]) -> Iterator[DesiredRecord]:
    """Give the selectors that a domain publishes once; both of a kind, so that a later key needs nobody."""
    about = _("Leads to a key that the panel publishes and replaces by itself. Publish it once (RFC 6376).")
    used = {key.selector: key.hosted_in for key in keys if key.hosted_in}
    kinds = {slots_of(key.algorithm) for key in keys if key.hosted_in == domain.key_zone}
    wanted = {slot: domain.key_zone for kind in kinds for slot in kind} if domain.key_zone else {}
    for selector, zone in sorted((wanted | used).items()):
        target = target_of(selector, domain.name, zone)
        name = f"{selector}._domainkey.{domain.name}"
        yield DesiredRecord(name, domain.name, "CNAME", target, "dkim", about, selector in used)


def _key_about(key: DkimKey) -> str:
    if key.hosted_in:
        return _("The key's text behind its alias; the panel publishes and replaces it by itself (RFC 6376).")
    if key.state == KeyState.RETIRING:
        return _("The key signs no more; its record stays until the last mail it signed has arrived (RFC 6376).")
    if key.state == KeyState.REVOKED:
        return _("The key is revoked: the empty p= tells receivers so. The record may also be taken out (RFC 6376).")
    return _("The public key with which receivers verify this domain's signatures (RFC 6376).")


def dmarc_value(domain: Domain) -> str:
    """Return the DMARC record: the domain's policy, reports to its own intake address."""
    return serialise_policy_record(dmarc_policy_of(domain))


def _dmarc(domain: Domain) -> Iterator[DesiredRecord]:
    about = _("Says what receivers do with mail that only pretends to come from this domain (RFC 9989).")
    yield DesiredRecord(f"_dmarc.{domain.name}", domain.name, "TXT", dmarc_value(domain), "dmarc", about)
    yield from _report_leaves(domain)


def _policies(domain: Domain) -> Iterator[DesiredRecord]:
    yield from _dmarc(domain)
    about = _("Asks other servers to report TLS failures when they deliver to this domain (RFC 8460).")
    value = f"v=TLSRPTv1; rua=mailto:tls-reports@{domain.name}"
    yield DesiredRecord(f"_smtp._tls.{domain.name}", domain.name, "TXT", value, "tls-rpt", about, required=False)


def _report_leaves(domain: Domain) -> Iterator[DesiredRecord]:
    """Give for each other domain that gets this one's reports the record by which it agrees, in its own zone."""
    receivers = {address.rpartition("@")[2].lower() for address in dmarc_policy_of(domain).rua}
    for receiver in sorted(receivers):
        if not _is_related(receiver, domain.name):
            about = _(
                "By it %(name)s agrees to receive this domain's DMARC reports; without it none is sent (RFC 9990)."
            )
            name = f"{domain.name}._report._dmarc.{receiver}"
            text = about % {"name": receiver}
            yield DesiredRecord(name, receiver, "TXT", "v=DMARC1;", "dmarc-report", text, required=False)


def _is_related(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _mta_sts(domain: Domain) -> Iterator[DesiredRecord]:
    policy = policy_of(domain)
    if policy is not None:
        about = _(
            "Announces that mail to this domain comes over verified TLS; its id changes with the policy (RFC 8461)."
        )
        name = f"_mta-sts.{domain.name}"
        yield DesiredRecord(name, domain.name, "TXT", serialise_record(policy), "mta-sts", about, required=False)
        about = _("Leads senders to the panel, which serves the policy under this name (RFC 8461).")
        yield from _web_record(f"{HOST_LABEL}.{domain.name}", domain, "mta-sts", about)


def _web_record(name: str, domain: Domain, purpose: str, about: str) -> Iterator[DesiredRecord]:
    """Give the record that leads a name of the domain to the web server: the panel's host where it is public."""
    config = settings.MAILADMIN
    host = (urlsplit(config.url).hostname if config.public_url else None) or config.hostname
    if host != name:
        yield DesiredRecord(name, domain.name, _type_to(host), host, purpose, about, required=False)


def _type_to(host: str) -> str:
    try:
        return "AAAA" if ip_address(host).version == 6 else "A"
    except ValueError:
        return "CNAME"


def _autoconfig(domain: Domain) -> Iterator[DesiredRecord]:
    about = _("Leads mail programs that know Thunderbird's way of set-up to the panel, which tells them the servers.")
    yield from _web_record(f"autoconfig.{domain.name}", domain, "autoconfig", about)
    about = _("Leads Outlook to the panel, which tells it the servers.")
    yield from _web_record(f"autodiscover.{domain.name}", domain, "autoconfig", about)


def _srv(domain: Domain) -> Iterator[DesiredRecord]:
    abouts = {
        "submissions": _("Lets mail programs find where to send, under TLS (RFC 8314)."),
        "submission": _("Lets mail programs find where to send, by STARTTLS (RFC 6186)."),
        "imaps": _("Lets mail programs find the mailbox, under TLS (RFC 8314)."),
        "imap": _("Lets mail programs find the mailbox, by STARTTLS (RFC 6186)."),
        "pop3s": _("Lets mail programs fetch and delete mail, under TLS (RFC 8314)."),
        "pop3": _("Lets mail programs fetch and delete mail, by STARTTLS (RFC 6186)."),
    }
    for service in offered_services():
        priority = 10 if service.server.protocol == "pop3" else 0  # IMAP comes first (RFC 6186 section 3.4)
        value = f"{priority} 1 {service.server.port} {service.server.host}"
        name = f"_{service.name}._tcp.{domain.name}"
        yield DesiredRecord(name, domain.name, "SRV", value, "srv", abouts[service.name], required=False)


def zone_text(records: Iterable[DesiredRecord], zone: str) -> str:
    """Return the records of one zone as a zone file (RFC 1035 section 5), ready to be included."""
    lines = [f"$ORIGIN {zone}.", f"$TTL {TTL}"]
    lines += [_zone_line(row) for row in records if row.zone == zone]
    return "\n".join(lines) + "\n"


def _zone_line(record: DesiredRecord) -> str:
    return f"{record.name}. {record.ttl} IN {record.type} {texts.zone_text(record.type, record.value)}"
