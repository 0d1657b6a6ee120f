"""Who may send in a domain's name: our own hosts always, and what its administrators name besides them.

A sender is looked up before it is stored, outside any transaction: one whose terms would break the SPF record is
refused. Two that are added at once are weighed one after the other, by what each was seen to cost.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.dns.resolver import BudgetedResolver, default_resolver
from domains.errors import NotFound, Refused, Taken
from domains.jobs import ask_for
from domains.models import DmarcDirtySources, DmarcSource, Domain, DomainKind, Sender, SenderKind
from domains.names import DomainName, is_selector
from domains.services.provision import get_domain_for
from domains.services.publication_spf import light_value, others_lookups, own_lookups, own_terms, term_of
from domains.spf.budget import MAXIMUM_LOOKUPS, QUESTIONS, Budget, Lookup, Trouble, cost_of, walk
from domains.spf.record import BadSpfRecord, is_spf_record, parse_spf_record
from domains.spf.services import BY_SLUG, service_of_include
from domains.spf.sources import KnownSender, of_service, unlisted

MAXIMUM_SENDERS = 50
MAXIMUM_SELECTORS = 10
MAXIMUM_NOTE = 500
MAXIMUM_NAME = 100
SHORTEST_PREFIX = {4: 16, 6: 32}
SECONDS = 15.0
JUDGE_TASK = "domains.tasks.judge_sources"
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SEPARATORS = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sender as it was asked for; ``selectors`` are those of its signatures besides the known ones."""

    kind: str
    value: str
    name: str = ""
    selectors: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A sender that the published record lets pass and that is not listed."""

    kind: str
    value: str
    name: str


def senders_of(domain: Domain) -> list[Sender]:
    """Return the senders besides our own hosts, in the order in which they were added."""
    return list(domain.senders.all())


def get_sender(domain: Domain, identifier: int) -> Sender:
    """Return one sender of the domain; raises NotFound."""
    found = next((sender for sender in domain.senders.all() if sender.pk == identifier), None)
    if found is None:
        raise NotFound(_("There is no such sender."))
    return found


def selectors_of(sender: Sender) -> list[str]:
    """Return the selectors of a sender's signatures: those of its service, then those that were named."""
    service = BY_SLUG.get(sender.value) if sender.kind == SenderKind.SERVICE else None
    return list(dict.fromkeys([*(service.selectors if service else ()), *sender.selectors]))


def split_selectors(text: str) -> tuple[str, ...]:
    """Return selectors typed into one field."""
    return tuple(word for word in _SEPARATORS.split(text) if word)


# ---- What is asked for -------------------------------------------------------------------------------------------


def _checked(domain: Domain, wanted: Wanted) -> Sender:
    """Return the sender, not stored, when its fields are allowed by themselves; raises Refused."""
    if wanted.kind not in SenderKind.values:
        raise Refused({"kind": _("Allowed are %(words)s.") % {"words": ", ".join(SenderKind.values)}})
    value = _VALUES[wanted.kind](wanted.value)
    known = BY_SLUG[value].name if wanted.kind == SenderKind.SERVICE else value
    return Sender(
        domain=domain,
        kind=wanted.kind,
        value=value,
        name=_line("name", wanted.name, MAXIMUM_NAME) or known[:MAXIMUM_NAME],
        selectors=_selectors(domain, wanted.selectors),
        note=_line("note", wanted.note, MAXIMUM_NOTE),
    )


def _line(field: str, text: str, most: int) -> str:
    """Return one line of text."""
    stripped = text.strip()
    if _CONTROL.search(stripped):
        raise Refused({field: _("It has to be one line, without control characters.")})
    if len(stripped) > most:
        raise Refused({field: _("At most %(most)d characters.") % {"most": most}})
    return stripped


def _selectors(domain: Domain, given: Iterable[str]) -> list[str]:
    selectors = list(dict.fromkeys(text.strip(" ").lower() for text in given))
    if len(selectors) > MAXIMUM_SELECTORS:
        raise Refused({"selectors": _("At most %(most)d selectors.") % {"most": MAXIMUM_SELECTORS}})
    ours = {key.selector for key in domain.dkim_keys.all()}
    for selector in selectors:
        if not is_selector(selector):
            text = _("%(selector)s is not a selector: letters, digits and hyphens, at most 63.")
            raise Refused({"selectors": text % {"selector": repr(selector[:80])}})
        if selector in ours:
            text = _("%(selector)s is a key of this panel, which nobody else signs with.")
            raise Refused({"selectors": text % {"selector": selector}})
    return selectors


def _service(text: str) -> str:
    slug = text.strip(" ").lower()
    if slug not in BY_SLUG:
        raise Refused({"value": _("There is no such service. The list of services names those that are known.")})
    return slug


def _include(text: str) -> str:
    """Return the name behind an include: labels may have underscores, macros are nobody's to take over."""
    name = text.strip(" ").removeprefix("include:").removesuffix(".").lower()
    if not name.isascii():
        try:
            return DomainName(name).ascii
        except ValueError as error:
            raise Refused({"value": str(error)}) from error
    labels = name.split(".")
    fits = len(name) <= 253 and len(labels) > 1 and not labels[-1].isdecimal()
    if not fits or not all(_LABEL.fullmatch(label) for label in labels):
        text = _("%(name)s is not a name that an include can have, such as _spf.example.org.")
        raise Refused({"value": text % {"name": repr(name[:80])}})
    return name


def _relay(text: str) -> str:
    plain = re.sub(r"\A(?:ip4|ip6|a):", "", text.strip(" "), flags=re.IGNORECASE)
    try:
        network = ip_network(plain, strict=False) if "%" not in plain else None
    except ValueError:
        network = None
    return _host(plain) if network is None else _network(network)


def _host(text: str) -> str:
    try:
        name = DomainName(text).ascii
    except ValueError as error:
        message = _("%(text)s is neither an address, nor a network such as 192.0.2.0/24, nor the name of a host.")
        raise Refused({"value": message % {"text": repr(text[:80])}}) from error
    if name == settings.MAILADMIN.hostname:
        raise Refused({"value": _("This is our own mail server, which may always send.")})
    return name


def _network(network: IPv4Network | IPv6Network) -> str:
    if network.prefixlen < SHORTEST_PREFIX[network.version]:
        text = _("%(network)s would let too many addresses send: at least /%(prefix)d is allowed.")
        raise Refused({"value": text % {"network": network, "prefix": SHORTEST_PREFIX[network.version]}})
    if network.is_multicast or network.is_loopback or network.is_link_local or network.is_unspecified:
        raise Refused({"value": _("No other server ever sees %(network)s as a sender.") % {"network": network}})
    if any(ip_address(address) in network for address in settings.MAILADMIN.public_addresses) and _is_one(network):
        raise Refused({"value": _("This is our own mail server, which may always send.")})
    return str(network.network_address) if _is_one(network) else str(network)


def _is_one(network: IPv4Network | IPv6Network) -> bool:
    return network.num_addresses == 1


_VALUES = {SenderKind.SERVICE.value: _service, SenderKind.CUSTOM.value: _include, SenderKind.RELAY.value: _relay}


# ---- Beside the others -------------------------------------------------------------------------------------------


def _refuse_repeated(domain: Domain, draft: Sender) -> None:
    """Raise Taken when the sender is listed, by itself or by what it adds; Refused when it is the domain itself."""
    if domain.kind == DomainKind.PARKED:
        raise Refused({"value": _("A parked domain has no senders.")})
    term = term_of(draft)
    if term == f"include:{domain.name}":
        raise Refused({"value": _("This is the domain itself: its record would lead back to itself.")})
    others = senders_of(domain)
    if len(others) >= MAXIMUM_SENDERS:
        raise Refused({"value": _("At most %(most)d senders.") % {"most": MAXIMUM_SENDERS}})
    for other in others:
        same = (other.kind, other.value) == (draft.kind, draft.value)
        if same or (term and (term == term_of(other) or _within(term, term_of(other)))):
            raise Taken({"value": _("%(name)s is listed already.") % {"name": other.name}})


def _within(term: str, other: str) -> bool:
    """True when both are networks and the second one holds the first."""
    one, two = (ip_network(text.partition(":")[2]) if text.startswith("ip") else None for text in (term, other))
    return one is not None and two is not None and one.version == two.version and one.subnet_of(two)  # type: ignore[arg-type]


def _refuse_beyond_budget(domain: Domain, draft: Sender) -> None:
    """Raise Refused when receivers would stop before they have read all of the record; ours counts when it must."""
    if not draft.lookups:
        return
    own = own_lookups(light_value(" ".join(["v=spf1", *own_terms()])))
    count = own + others_lookups(domain) + draft.lookups
    if count > MAXIMUM_LOOKUPS:
        text = _(
            "With it, reading the SPF record takes %(count)d look-ups, and receivers stop at %(most)d. Remove a "
            "sender, or let a service use an envelope domain of its own."
        )
        raise Refused({"value": text % {"count": count, "most": MAXIMUM_LOOKUPS}})


# ---- What the DNS says of it -------------------------------------------------------------------------------------


def weighed(domain: Domain, draft: Sender) -> Budget:
    """Return what a sender's term costs, asked of the DNS now; raises Refused when it would break the record."""
    term = term_of(draft)
    if not term:
        return Budget()

    async def look() -> Budget:
        return await cost_of(BudgetedResolver(default_resolver(), QUESTIONS, SECONDS), domain.name, term)

    budget = asyncio.run(look())
    fault = next((node for node in walk(budget.tree) if _breaks(draft, node)), None)
    if fault is not None:
        raise Refused({"value": trouble_text(fault.trouble, fault.target)})
    return budget


def _breaks(draft: Sender, node: Lookup) -> bool:
    """True for what makes receivers give up; a void below, or a silent service that is known, may pass."""
    if node.trouble is Trouble.SILENT:
        return draft.kind != SenderKind.SERVICE
    if node.trouble is Trouble.VOID:
        return draft.kind == SenderKind.RELAY
    return node.trouble is not Trouble.NONE


def trouble_text(trouble: str, name: str) -> str:
    """Return in plain words what is wrong with the term that asks about a name, empty when nothing is."""
    texts: dict[str, str] = {
        Trouble.SILENT: _("The DNS did not answer about %(name)s. Try again later."),
        Trouble.VOID: _("%(name)s does not exist, or has no address."),
        Trouble.NO_RECORD: _("%(name)s has no SPF record: receivers would take the whole record for broken."),
        Trouble.DUPLICATE: _("%(name)s has more than one SPF record: receivers take the whole record for broken."),
        Trouble.BAD_RECORD: _("The SPF record of %(name)s has a syntax error: receivers take the whole for broken."),
        Trouble.CYCLE: _("%(name)s leads back to itself: receivers take the whole record for broken."),
        Trouble.UNREAD: _("The records below %(name)s are too many to be read to their end."),
    }
    return texts.get(trouble, "") % {"name": name} if trouble in texts else ""


# ---- Use cases ---------------------------------------------------------------------------------------------------


def prepare(act: Act, name: str, wanted: Wanted) -> tuple[Sender, Budget]:
    """Return the sender as it would be stored, with what it costs; raises NotFound, Refused, Taken."""
    domain = get_domain_for(act, name)
    draft = _checked(domain, wanted)
    _refuse_repeated(domain, draft)
    budget = weighed(domain, draft)
    draft.lookups = budget.lookups
    _refuse_beyond_budget(domain, draft)
    return draft, budget


@transaction.atomic
def store(act: Act, name: str, draft: Sender) -> Sender:
    """Store what was prepared, once more compared with what is listed now; raises NotFound, Refused, Taken."""
    domain = get_domain_for(act, name, lock=True)
    _refuse_repeated(domain, draft)
    _refuse_beyond_budget(domain, draft)
    draft.domain = domain
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError as error:
        raise Taken({"value": _("%(name)s is listed already.") % {"name": draft.name}}) from error
    changes = {"kind": draft.kind, "value": draft.value, "lookups": draft.lookups}
    record(act, "sender.create", "sender", draft.name, domain.name, changes)
    _have_sources_judged(domain)
    return draft


@transaction.atomic
def change_sender(
    act: Act,
    name: str,
    identifier: int,
    label: str | None = None,
    selectors: Sequence[str] | None = None,
    note: str | None = None,
) -> Sender:
    """Change what is said of a sender; what it is stays. Raises NotFound, Refused."""
    domain = get_domain_for(act, name, lock=True)
    sender = get_sender(domain, identifier)
    before = {"name": sender.name, "selectors": sender.selectors, "note": sender.note}
    if label is not None:
        sender.name = _line("name", label, MAXIMUM_NAME) or sender.name
    if selectors is not None:
        sender.selectors = _selectors(domain, selectors)
    if note is not None:
        sender.note = _line("note", note, MAXIMUM_NOTE)
    after = {"name": sender.name, "selectors": sender.selectors, "note": sender.note}
    changes = {field: [before[field], value] for field, value in after.items() if value != before[field]}
    if changes:
        sender.save(update_fields=list(changes))
        record(act, "sender.change", "sender", sender.name, domain.name, changes)
        if changes.keys() != {"note"}:
            _have_sources_judged(domain)
    return sender


@transaction.atomic
def delete_sender(act: Act, name: str, identifier: int) -> None:
    """Take a sender off the list; what is published stays until its owner changes it. Raises NotFound."""
    domain = get_domain_for(act, name, lock=True)
    sender = get_sender(domain, identifier)
    changes = {"kind": sender.kind, "value": sender.value}
    record(act, "sender.delete", "sender", sender.name, domain.name, changes)
    sender.delete()
    _have_sources_judged(domain)


def _have_sources_judged(domain: Domain) -> None:
    """Have those who send in the domain's name judged again: who is listed decides what their mail is."""
    DmarcDirtySources.objects.create(domain=domain)
    if DmarcSource.objects.filter(domain=domain).exists():
        transaction.on_commit(partial(ask_for, JUDGE_TASK, domain.pk))


# ---- What is published, what is reported -------------------------------------------------------------------------


def offers_of(domain: Domain) -> list[Offer]:
    """Return the senders that the SPF record, as last seen, lets pass and that nobody listed."""
    looks = [row for row in domain.observations.all() if row.purpose == "spf"]
    seen = max(looks, key=lambda row: row.checked_at, default=None)
    records = [text for text in (seen.found if seen else []) if is_spf_record(text)]
    if len(records) != 1:
        return []
    try:
        mechanisms = parse_spf_record(records[0]).mechanisms
    except BadSpfRecord:
        return []
    names = [term.domain_spec for term in mechanisms if term.name == "include" and term.qualifier == "+"]
    found = [_offer(name) for name in names if "%" not in name]
    listed = {(sender.kind, sender.value) for sender in domain.senders.all()}
    listed |= {(SenderKind.CUSTOM.value, term_of(sender).partition(":")[2]) for sender in domain.senders.all()}
    return [offer for offer in dict.fromkeys(found) if (offer.kind, offer.value) not in listed]


def _offer(name: str) -> Offer:
    plain = name.lower().removesuffix(".")
    service = service_of_include(plain)
    if service is not None:
        return Offer(SenderKind.SERVICE.value, service.slug, service.name)
    return Offer(SenderKind.CUSTOM.value, plain, plain)


def catalogue_of(domain: Domain) -> list[KnownSender]:
    """Return who a report of the domain may tell of: our own hosts, its senders, then all other known services."""
    config = settings.MAILADMIN
    own = KnownSender(config.hostname, domain.name, tuple(ip_network(text) for text in config.public_addresses))
    senders = senders_of(domain)
    slugs = frozenset(sender.value for sender in senders if sender.kind == SenderKind.SERVICE)
    return [own, *(_known(sender, domain.name) for sender in senders), *unlisted(slugs)]


def _known(sender: Sender, domain: str) -> KnownSender:
    service = BY_SLUG.get(sender.value) if sender.kind == SenderKind.SERVICE else None
    if service is not None:
        return of_service(service, domain, sender.selectors)
    selectors = tuple(sender.selectors)
    if sender.kind == SenderKind.RELAY:
        try:
            return KnownSender(sender.name, domain, (ip_network(sender.value),), (), selectors)
        except ValueError:
            return KnownSender(sender.name, domain, (), (), selectors, (sender.value,))
    return KnownSender(sender.name, domain, (), (), selectors)
