"""Handing a domain over: offered to an administrator by e-mail, changed only once that person accepts.

Who accepts takes the place of who offered; when a superadministrator offered, of all present administrators. Tokens
that those made lose the domain with them, and its alias domains go along. An offer to an address that nobody has
looks like any other to who may not see all administrators.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import Actor, ApiToken, Domain, DomainOffer, DomainState, Role
from domains.names import DomainName
from domains.services.actors import ADMINISTRATORS, parse_email, require_superadmin
from domains.services.provision import get_domain_for, require_administrator

OFFERED = timedelta(days=7)


def expires_at(offer: DomainOffer) -> datetime:
    """Return until when an offer can be accepted."""
    return offer.made_at + OFFERED


def _living(now: datetime | None = None) -> QuerySet[DomainOffer]:
    """Return the offers that can be accepted: in time, of a domain that is served, by who may still give it."""
    may_give = Q(giver=None) | Q(giver__role=Role.SUPERADMIN) | Q(domain__administrators=F("giver"))
    served = DomainOffer.objects.filter(domain__state__in=(DomainState.ACTIVE, DomainState.SUSPENDED))
    in_time = served.filter(made_at__gt=(now or timezone.now()) - OFFERED)
    living = in_time.filter(may_give, Q(giver=None) | Q(giver__is_active=True)).order_by().values("pk")
    return DomainOffer.objects.filter(pk__in=living).select_related("domain", "giver")


def _person(act: Act) -> Actor | None:
    """Return in whose name is acted; None for a token that may do less than who made it."""
    return act.actor if act.actor is not None and act.actor.role == act.role else None


# ---- Offering ---------------------------------------------------------------------------------------------------


@transaction.atomic
def offer_domain(act: Act, name: str, email: str) -> DomainOffer:
    """Offer a domain to an administrator; raises NotFound, Forbidden, Refused, and Taken when it is offered."""
    domain = get_domain_for(act, name, lock=True)
    require_administrator(act)
    if _person(act) is None and not act.is_superadmin:
        raise Forbidden(_("Only a person hands a domain over."))
    if domain.state == DomainState.PENDING:
        raise Refused({"email": _("Prove first that the domain is yours.")})
    address = parse_email(email)
    _check_receiver(act, address)
    if (present := _living().filter(domain=domain).first()) is not None:
        text = _("The domain is offered to %(email)s already. Withdraw that offer first.")
        raise Taken({"email": text % {"email": present.email}})
    DomainOffer.objects.filter(domain=domain).delete()
    offer = DomainOffer.objects.create(
        domain=domain, email=address, giver=act.actor, giver_name=act.name, made_at=timezone.now()
    )
    record(act, "domain.offer", "domain", domain.name, domain.name, {"to": address})
    return offer


def _check_receiver(act: Act, address: str) -> None:
    if act.actor is not None and act.actor.email == address:
        raise Refused({"email": _("This is your own address.")})
    if act.is_superadmin and not Actor.objects.filter(email=address, role__in=ADMINISTRATORS).exists():
        raise Refused({"email": _("There is no administrator %(email)s.") % {"email": address}})


def offer_of(act: Act, name: str) -> DomainOffer | None:
    """Return the offer of a domain in reach, None without one; raises NotFound."""
    return _living().filter(domain=get_domain_for(act, name)).first()


def get_offer_for(act: Act, name: str) -> DomainOffer:
    """Return the offer of a domain in reach; raises NotFound."""
    offer = offer_of(act, name)
    if offer is None:
        raise NotFound(_("The domain %(name)s is offered to nobody.") % {"name": name})
    return offer


@transaction.atomic
def withdraw_offer(act: Act, name: str) -> None:
    """Take an offer back; raises NotFound."""
    domain = get_domain_for(act, name, lock=True)
    offer = get_offer_for(act, domain.name)
    record(act, "domain.withdraw", "domain", domain.name, domain.name, {"to": offer.email})
    offer.delete()


# ---- Being offered ----------------------------------------------------------------------------------------------


def offers_to(act: Act) -> QuerySet[DomainOffer]:
    """Return what the actor is offered, by name."""
    person = _person(act)
    if person is None or act.role not in ADMINISTRATORS:
        return DomainOffer.objects.none()
    return _living().filter(email=person.email).order_by("domain__name")


@transaction.atomic
def accept_offer(act: Act, name: str) -> Domain:
    """Take a domain over that is offered to the actor, with its alias domains; raises NotFound."""
    receiver, offer, domain = _offered(act, name)
    _hand_over(act, domain, offer, receiver)
    for alias in domain.alias_domains.select_for_update().order_by("pk"):
        if _givers(offer, alias):
            _hand_over(act, alias, offer, receiver)
    offer.delete()
    return domain


def _givers(offer: DomainOffer, domain: Domain) -> list[Actor]:
    """Return whose place is taken: the giver's own, or all when a superadministrator gives."""
    people = domain.administrators.order_by("email")
    if offer.giver is not None and not offer.giver.is_superadmin:
        people = people.filter(pk=offer.giver.pk)
    return list(people)


def _hand_over(act: Act, domain: Domain, offer: DomainOffer, receiver: Actor) -> None:
    givers = [actor for actor in _givers(offer, domain) if actor != receiver]
    _take_from(domain, givers)
    if receiver.role == Role.DOMAIN_ADMIN:
        receiver.domains.add(domain)
    people = {"from": [actor.email for actor in givers], "to": receiver.email, "offered by": offer.giver_name}
    record(act, "domain.transfer", "domain", domain.name, domain.name, people)


def _take_from(domain: Domain, givers: Iterable[Actor]) -> None:
    """Take a domain out of the reach of people and of the tokens that they made."""
    for giver in givers:
        giver.domains.remove(domain)
        for token in ApiToken.objects.filter(created_by=giver, domains=domain):
            token.domains.remove(domain)


@transaction.atomic
def decline_offer(act: Act, name: str) -> None:
    """Say no to an offer; raises NotFound."""
    _receiver, offer, domain = _offered(act, name)
    record(act, "domain.decline", "domain", domain.name, domain.name, {"to": offer.email})
    offer.delete()


def _offered(act: Act, name: str) -> tuple[Actor, DomainOffer, Domain]:
    """Return the actor, what is offered to them, and its domain, locked; raises NotFound."""
    absent = NotFound(_("No domain %(name)s is offered to you.") % {"name": name})
    try:
        ascii_name = DomainName(name).ascii
    except ValueError as error:
        raise absent from error
    domain = Domain.objects.select_for_update().filter(name=ascii_name).first()
    offer = offers_to(act).filter(domain=domain).first() if domain is not None else None
    if offer is None or domain is None or act.actor is None:
        raise absent
    return act.actor, offer, domain


def remove_old_offers(now: datetime | None = None) -> int:
    """Remove the offers whose time is over; returns how many."""
    before = (now or timezone.now()) - OFFERED
    return DomainOffer.objects.filter(made_at__lte=before).delete()[0]


# ---- By the operator --------------------------------------------------------------------------------------------


def administrators_of(act: Act, name: str) -> list[Actor]:
    """Return who administers a domain; raises NotFound, and Forbidden for everybody but superadministrators."""
    domain = get_domain_for(act, name)
    require_superadmin(act)
    return list(domain.administrators.order_by("email"))


@transaction.atomic
def set_administrators(act: Act, name: str, emails: Sequence[str]) -> list[Actor]:
    """Set who administers a domain; raises NotFound, Forbidden, Refused."""
    domain = get_domain_for(act, name, lock=True)
    require_superadmin(act)
    wanted = {parse_email(email) for email in emails}
    rows = Actor.objects.filter(email__in=wanted, role=Role.DOMAIN_ADMIN).order_by("email")
    found = list(rows.select_for_update(no_key=True))
    if absent := sorted(wanted - {actor.email for actor in found}):
        text = _("There is no domain administrator %(email)s.")
        raise Refused({"administrators": text % {"email": absent[0]}})
    before = list(domain.administrators.order_by("email"))
    if before == found:
        return found
    _take_from(domain, [actor for actor in before if actor not in found])
    domain.administrators.set(found)
    emails_of = [[actor.email for actor in people] for people in (before, found)]
    record(act, "domain.administrators", "domain", domain.name, domain.name, {"administrators": emails_of})
    return found
