"""Where the panel may change a zone by itself: the primary server and a TSIG key, proven before they are kept.

A domain has at most one; the installation may have more, for the zones of its own names, which only a
superadministrator sets. The server is reached under the rules of ``domains.reach``.
"""

import asyncio
import base64
import binascii
from ipaddress import ip_address

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dns.resolver import default_resolver
from domains.dns.update import ALGORITHMS, UpdateFault, UpdateTrouble, ZoneAccess, probe
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import DnsAccount, Domain
from domains.names import DomainName
from domains.reach import refuse_address
from domains.services.provision import get_domain_for
from domains.services.sealing import seal, unseal

MAXIMUM_SECRET = 512


def _identity(zone: str, key_name: str) -> str:
    return f"dns-account {zone} {key_name}"


def account_of(domain: Domain) -> DnsAccount | None:
    """Return a domain's account."""
    return DnsAccount.objects.filter(domain=domain).first()


def account_for_name(name: str, domain: Domain | None = None) -> DnsAccount | None:
    """Return the account whose zone holds a record's name: the domain's own, else the closest of the installation."""
    rows = DnsAccount.objects.filter(domain=domain) if domain is not None else DnsAccount.objects.none()
    holding = [row for row in [*rows, *DnsAccount.objects.filter(domain=None)] if _holds(row.zone, name)]
    return max(holding, key=lambda row: (row.domain_id is not None, len(row.zone)), default=None)


def _holds(zone: str, name: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def installation_accounts(act: Act) -> QuerySet[DnsAccount]:
    """Return the accounts of the installation's own zones; raises Forbidden."""
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator sets the zones of the installation."))
    return DnsAccount.objects.filter(domain=None)


async def access_of(account: DnsAccount) -> ZoneAccess:
    """Return the account with an address that may be reached; raises UpdateFault."""
    secret = unseal(_identity(account.zone, account.key_name), bytes(account.secret_sealed))
    address = await _address_of(account.server, account.port)
    return ZoneAccess(account.zone, address, account.port, account.key_name, account.algorithm, secret)


async def _address_of(server: str, port: int) -> str:
    """Return the server's first address that may be reached; raises UpdateFault."""
    private = settings.MAILADMIN.private_networks
    refusal = ""
    for address in await _addresses(server):
        refusal = refuse_address(address, port, frozenset(), private)
        if not refusal:
            return address
    raise UpdateFault(UpdateTrouble.UNREACHABLE, refusal or _("%(name)s has no address.") % {"name": server})


async def _addresses(server: str) -> list[str]:
    try:
        return [str(ip_address(server))]
    except ValueError:
        resolver = default_resolver()
        answers = [await resolver.lookup(server, rdtype) for rdtype in ("A", "AAAA")]
        return [address for answer in answers if answer.found for address in answer.records]


def sentence_of(fault: UpdateFault) -> str:
    """Return what is so and what to do about it, in one or two sentences."""
    texts = {
        UpdateTrouble.UNREACHABLE: _("The server cannot be reached: %(why)s."),
        UpdateTrouble.UNKNOWN: _("The server took the change and did not answer: %(why)s."),
        UpdateTrouble.BAD_KEY: _("The server does not know a key of this name and algorithm."),
        UpdateTrouble.BAD_SIGNATURE: _("The key's secret is not the one that the server has."),
        UpdateTrouble.BAD_TIME: _("The clocks of this host and of the server differ. Set them right."),
        UpdateTrouble.CHANGED: _("The zone changed meanwhile, and nothing was done. Look at the plan again."),
        UpdateTrouble.NOT_ZONE: _("The server does not answer for this zone as its primary."),
        UpdateTrouble.REFUSED: _("The server refuses it: the key may not change this zone, or a record of it."),
        UpdateTrouble.FAILED: _("The server answered %(why)s."),
    }
    return texts[fault.trouble] % {"why": str(fault).rstrip(".")}


_FIELDS = {
    UpdateTrouble.BAD_KEY: "key_name",
    UpdateTrouble.BAD_SIGNATURE: "secret",
    UpdateTrouble.NOT_ZONE: "zone",
}


def set_account(
    act: Act,
    name: str | None,
    *,
    server: str,
    key_name: str,
    secret: str = "",
    zone: str = "",
    port: int = 53,
    algorithm: str = "hmac-sha256",
) -> DnsAccount:
    """Prove and keep the account of a domain, or of an own zone of the installation (``name`` None).

    An empty secret keeps the one that is there; an empty zone is the domain. Raises NotFound, Forbidden, Refused.
    """
    domain = _owner(act, name)
    row = _row(act, domain, zone)
    row.server, row.port, row.algorithm = _server(server), _port(port), _algorithm(algorithm)
    old_identity = _identity(row.zone, row.key_name)
    octets = _secret(secret) if secret.strip() else _kept(row, old_identity)
    row.zone, row.key_name = _zone(zone, domain), _key_name(key_name)
    row.secret_sealed = seal(_identity(row.zone, row.key_name), octets)
    try:
        asyncio.run(_prove(row))
    except UpdateFault as fault:
        raise Refused({_FIELDS.get(fault.trouble, "server"): sentence_of(fault)}) from fault
    return _keep(act, row, domain)


async def _prove(row: DnsAccount) -> None:
    await probe(await access_of(row))


def _owner(act: Act, name: str | None) -> Domain | None:
    if name is not None:
        return get_domain_for(act, name)
    installation_accounts(act)
    return None


def _row(act: Act, domain: Domain | None, zone: str) -> DnsAccount:
    if domain is not None:
        return account_of(domain) or DnsAccount(domain=domain)
    found = DnsAccount.objects.filter(domain=None, zone=_zone(zone, None)).first()
    return found or DnsAccount()


@transaction.atomic
def _keep(act: Act, row: DnsAccount, domain: Domain | None) -> DnsAccount:
    if domain is not None:
        get_domain_for(act, domain.name, lock=True)
        current = DnsAccount.objects.filter(domain=domain).exclude(pk=row.pk).first()
        if current is not None:
            raise Taken({"server": _("Somebody else has just set the access to this zone. Look at it again.")})
    row.proven_at = timezone.now()
    row.save()
    changes = {"zone": row.zone, "server": f"{row.server}:{row.port}", "key_name": row.key_name}
    record(act, "dns_account.set", "dns_account", row.zone, domain.name if domain else "", changes)
    return row


@transaction.atomic
def delete_account(act: Act, name: str | None, zone: str = "") -> None:
    """Forget the access to a zone, and its key; raises NotFound, Forbidden."""
    domain = _owner(act, name)
    rows = DnsAccount.objects.select_for_update()
    row = rows.filter(domain=domain).first() if domain else rows.filter(domain=None, zone=zone.lower()).first()
    if row is None:
        raise NotFound(_("No access to the zone is kept."))
    record(act, "dns_account.delete", "dns_account", row.zone, domain.name if domain else "")
    row.delete()


# ---- What was typed ---------------------------------------------------------------------------------------------


def _server(text: str) -> str:
    stripped = text.strip().strip("[]")
    try:
        return str(ip_address(stripped))
    except ValueError:
        pass
    try:
        return DomainName(stripped).ascii
    except ValueError as error:
        raise Refused({"server": _("Give the host name or the address of the zone's primary server.")}) from error


def _port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise Refused({"port": _("A port is a number from 1 to 65535.")})
    return port


def _algorithm(text: str) -> str:
    if text not in ALGORITHMS:
        raise Refused({"algorithm": _("Allowed are %(names)s.") % {"names": ", ".join(ALGORITHMS)}})
    return text


def _zone(text: str, domain: Domain | None) -> str:
    try:
        zone = DomainName(text, minimum_labels=1).ascii if text.strip() else (domain.name if domain else "")
    except ValueError as error:
        raise Refused({"zone": str(error)}) from error
    if not zone or (domain is not None and not _holds(zone, domain.name)):
        raise Refused({"zone": _("The zone is the domain itself or one above it.")})
    return zone


def _key_name(text: str) -> str:
    name = text.strip().removesuffix(".").lower()
    labels = name.split(".")
    allowed = all(0 < len(label) <= 63 and label.isascii() and label.isprintable() for label in labels)
    if not allowed or len(name) > 253 or set(name) & set(" \"\\;()@$'"):
        raise Refused({"key_name": _("A key's name is like a host name, such as panel-key.")})
    return name


def _secret(text: str) -> bytes:
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused({"secret": _("The secret is base64, as it stands in the server's key file.")}) from error
    if not octets or len(octets) > MAXIMUM_SECRET:
        raise Refused({"secret": _("The secret is base64, as it stands in the server's key file.")})
    return octets


def _kept(row: DnsAccount, identity: str) -> bytes:
    if row.pk is None:
        raise Refused({"secret": _("The secret is missing.")})
    return unseal(identity, bytes(row.secret_sealed))
