"""DKIM keys of a domain: made, listed, deleted. Private parts are sealed and bound to (domain, selector)."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dkim.keys import KeyPair, SigningKey, UnusableKey, generate_key, import_key, load_key
from domains.dkim.keys import export_key as export_pem
from domains.dkim.slots import free_slot
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import DkimKey, Domain, DomainKind, KeyAlgorithm, KeyState
from domains.names import MAXIMUM_OCTETS, is_selector
from domains.services.sealing import seal, unseal

MAXIMUM_KEYS = 20
_LETTERS = {KeyAlgorithm.RSA2048.value: "r", KeyAlgorithm.RSA4096.value: "s", KeyAlgorithm.ED25519.value: "e"}


def key_identity(domain_name: str, selector: str) -> str:
    """Return what a sealed key is bound to."""
    return f"dkim-key {domain_name} {selector}"


def unsealed_key(domain_name: str, selector: str, sealed: bytes) -> SigningKey:
    """Return the private key, ready to sign; raises SealBroken."""
    return load_key(unseal(key_identity(domain_name, selector), bytes(sealed)))


def keys_of(domain: Domain) -> QuerySet[DkimKey]:
    """Return the keys of a domain that the actor reached, oldest first."""
    return DkimKey.objects.filter(domain=domain).select_related("domain")


def get_key_for(act: Act, name: str, selector: str, lock: bool = False) -> DkimKey:
    """Return one key; raises NotFound. With ``lock`` its row is held until the transaction ends."""
    from domains.services.provision import get_domain_for

    rows = keys_of(get_domain_for(act, name))
    key = (rows.select_for_update(of=("self",)) if lock else rows).filter(selector=selector.lower()).first()
    if key is None:
        raise NotFound(_("There is no key %(selector)s.") % {"selector": selector})
    return key


def dated_selector(domain: Domain, algorithm: str) -> str:
    """Return an unused selector with today's date, such as ``r20261124``, then ``r20261124-2``."""
    stem = f"{_LETTERS[algorithm]}{timezone.now():%Y%m%d}"
    used = set(DkimKey.objects.filter(domain=domain, selector__startswith=stem).values_list("selector", flat=True))
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, MAXIMUM_KEYS + 2))
    return next(name for name in names if name not in used)


def add_key(
    domain: Domain, algorithm: str, selector: str | None = None, pair: KeyPair | None = None, replaces: str = ""
) -> DkimKey:
    """Make a key, unless ``pair`` is one, and save it to wait for the DNS; IntegrityError for a selector in use.

    In a domain whose keys are hosted it gets one of the published selectors; raises Refused while both are in use.
    """
    hosted_in = "" if selector or pair else domain.key_zone
    if hosted_in:
        selector = _take_slot(domain, algorithm)
        replaces = "" if replaces == selector else replaces
    selector = selector or dated_selector(domain, algorithm)
    pair = pair or generate_key(algorithm)
    return DkimKey.objects.create(
        domain=domain,
        selector=selector,
        algorithm=algorithm,
        state=KeyState.AWAITING_DNS,
        private_key_sealed=seal(key_identity(domain.name, selector), pair.private_der),
        public_key=pair.public_key,
        hosted_in=hosted_in,
        replaces=replaces,
    )


def _take_slot(domain: Domain, algorithm: str) -> str:
    """Return a published selector that no key needs; the key of the past behind it is forgotten."""
    keys = dict(DkimKey.objects.filter(domain=domain).values_list("selector", "state"))
    over = (KeyState.REVOKED, KeyState.REMOVED)
    needed = [selector for selector, state in keys.items() if state not in over]
    slot = free_slot(algorithm, keys) or free_slot(algorithm, needed)
    if not slot:
        text = _("Both published selectors are in use. The one whose key retires is free again within a week.")
        raise Refused({"selector": text})
    DkimKey.objects.filter(domain=domain, selector=slot).delete()
    DkimKey.objects.filter(domain=domain, replaces=slot).update(replaces="")
    return slot


@transaction.atomic
def create_key(
    act: Act, name: str, algorithm: str, selector: str | None = None, private_key: str | None = None
) -> DkimKey:
    """Make a key for a domain, or take in ``private_key`` (PEM), whose kind must be ``algorithm``.

    Raises NotFound, Refused for a bad selector or key, Taken for a selector in use. The lock on the domain keeps two
    makers apart: each gets a dated selector of its own, neither passes the limit.
    """
    from domains.services.provision import get_domain_for

    domain = get_domain_for(act, name, lock=True)
    if domain.kind == DomainKind.PARKED:
        raise Refused({"algorithm": _("A parked domain signs no mail: it has no keys.")})
    chosen = _checked_selector(selector, domain.name)
    if algorithm not in KeyAlgorithm.values:
        raise Refused({"algorithm": _("The algorithm is rsa2048, rsa4096 or ed25519.")})
    pair = _imported(algorithm, private_key) if private_key else None
    if DkimKey.objects.filter(domain=domain).count() >= MAXIMUM_KEYS:
        raise Refused({"selector": _("A domain has at most %(count)d keys.") % {"count": MAXIMUM_KEYS}})
    if DkimKey.objects.filter(domain=domain, selector=chosen).exists():
        raise Taken({"selector": _("The selector %(selector)s exists already.") % {"selector": chosen}})
    key = add_key(domain, algorithm, chosen, pair)
    action = "key.import" if pair else "key.create"
    record(act, action, "dkim_key", f"{key.selector}._domainkey.{domain.name}", domain.name)
    return key


def _imported(algorithm: str, pem: str) -> KeyPair:
    try:
        found, pair = import_key(pem)
    except UnusableKey as error:
        raise Refused({"private_key": _("The key cannot be used: %(why)s.") % {"why": error}}) from error
    if found != algorithm:
        raise Refused({"algorithm": _("The key given is %(found)s.") % {"found": found}})
    return pair


@transaction.atomic
def export_key(act: Act, name: str, selector: str, password: str) -> str:
    """Return the private key in PEM; the person must prove again who it is. Raises NotFound, Forbidden, Refused."""
    key = get_key_for(act, name, selector)
    if act.actor is None or act.token_id is not None:
        raise Forbidden(_("Only a person who is signed in exports a private key."))
    if not act.actor.check_password(password):
        raise Refused({"password": _("This is not your password.")})
    if not key.private_key_sealed:
        raise Refused({"selector": _("The private part of a revoked key is destroyed.")})
    record(act, "key.export", "dkim_key", f"{key.selector}._domainkey.{key.domain.name}", key.domain.name)
    return export_pem(unseal(key_identity(key.domain.name, key.selector), bytes(key.private_key_sealed)))


def _checked_selector(selector: str | None, domain: str) -> str | None:
    if selector is None or selector == "":
        return None
    if not is_selector(selector.lower()):
        text = _("A selector is one label of letters, digits and hyphens, at most 63, such as r20261124.")
        raise Refused({"selector": text})
    if len(f"{selector}._domainkey.{domain}") > MAXIMUM_OCTETS:
        raise Refused({"selector": _("The selector is too long for the name of its record in this domain.")})
    return selector.lower()


@transaction.atomic
def delete_key(act: Act, name: str, selector: str) -> None:
    """Delete a key; what it signed can no longer be verified once its record is gone."""
    key = get_key_for(act, name, selector, lock=True)
    record_name = f"{key.selector}._domainkey.{key.domain.name}"
    record(act, "key.delete", "dkim_key", record_name, key.domain.name, {"state": key.state})
    key.delete()
