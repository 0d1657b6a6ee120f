"""The names that need a certificate, and what a superadministrator may do with each."""

from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.certificates.port import Trouble
from domains.certificates.schedule import is_near_its_end
from domains.errors import NotFound, Refused
from domains.models import AcmeAccount, Certificate, Domain, DomainKind, DomainState, MtaSts
from domains.names import MAXIMUM_OCTETS, DomainName
from domains.services.acme_account import require_superadmin
from domains.services.mta_sts import HOST_LABEL
from domains.services.serving import file_pair
from domains.tls.pair import covers

SET_UP_LABELS = ("autoconfig", "autodiscover")


def wanted_names() -> dict[str, int | None]:
    """Return every name to be served under TLS by an ordered certificate, with its domain; None: the installation's.

    What the operator's own files cover is not among them.
    """
    config = settings.MAILADMIN
    given = _given_chain()
    names: dict[str, int | None] = {}
    if not config.tls_given and _may_have_one(config.hostname):
        names[config.hostname] = None
    if config.https_port is not None:
        panel = urlsplit(config.url).hostname or ""
        if config.public_url and _may_have_one(panel):
            names[panel] = None
        names = names | {name: domain for name, domain in _domain_names().items() if name not in names}
    return {name: domain for name, domain in names.items() if not (given and covers(given, name))}


def _given_chain() -> bytes:
    if not settings.MAILADMIN.tls_given:
        return b""
    try:
        return file_pair().chain
    except OSError:
        return b""


def _may_have_one(name: str) -> bool:
    """True for a host name that an authority may know: no address, nothing on this machine alone."""
    try:
        return DomainName(name).ascii == name and not name.endswith((".localhost", ".local", ".internal"))
    except ValueError:
        return False


def _domain_names() -> dict[str, int | None]:
    names: dict[str, int | None] = {}
    served = Domain.objects.filter(state=DomainState.ACTIVE).exclude(kind=DomainKind.PARKED)
    for pk, name, mode in served.values_list("pk", "name", "mta_sts"):
        labels = (*SET_UP_LABELS, *((HOST_LABEL,) if mode != MtaSts.OFF else ()))
        names |= {f"{label}.{name}": pk for label in labels if len(label) + len(name) < MAXIMUM_OCTETS}
    return names


@transaction.atomic
def keep_names() -> None:
    """Make a row for each wanted name; rows that nobody wants any more go.

    An own name of another host of the installation is only known there: it goes once its certificate is over.
    """
    wanted = wanted_names()
    held = dict(Certificate.objects.values_list("name", "domain_id"))
    fresh = [Certificate(name=name, domain_id=domain) for name, domain in wanted.items() if name not in held]
    Certificate.objects.bulk_create(fresh, ignore_conflicts=True)
    gone = [name for name, domain in held.items() if name not in wanted and domain is not None]
    over = Q(domain=None, not_after__lt=timezone.now()) & ~Q(name__in=list(wanted))
    Certificate.objects.filter(Q(name__in=gone) | over).delete()


def certificates_for(act: Act) -> QuerySet[Certificate]:
    """Return the names with their certificates: the installation's own first, then those in trouble; or Forbidden."""
    require_superadmin(act)
    order = Case(
        When(domain=None, then=Value(0)),
        When(~Q(trouble__in=(Trouble.NONE, Trouble.ELSEWHERE)), then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return Certificate.objects.annotate(order=order).order_by("order", "name")


def get_certificate_for(act: Act, name: str, lock: bool = False) -> Certificate:
    """Return the row of a name; raises Forbidden, NotFound."""
    require_superadmin(act)
    rows = Certificate.objects.select_for_update() if lock else Certificate.objects.all()
    row = rows.filter(name=name.lower()).first() if "\0" not in name else None
    if row is None:
        raise NotFound(_("No certificate is ordered for %(name)s.") % {"name": name})
    return row


@transaction.atomic
def renew(act: Act, name: str) -> Certificate:
    """Have a certificate ordered now, whatever failed before; raises Forbidden, NotFound, Refused."""
    row = get_certificate_for(act, name, lock=True)
    if not AcmeAccount.objects.exists():
        raise Refused({"name": _("Choose a certificate authority first.")})
    row.due_at, row.failures = timezone.now(), 0
    row.save(update_fields=["due_at", "failures"])
    AcmeAccount.objects.update(rest_until=None)
    record(act, "certificate.renew", "certificate", row.name)
    return row


def standing_of(row: Certificate) -> str:
    """Return how a name stands in one word: good, attention (late), bad (over, or never had), waiting."""
    now = timezone.now()
    if row.chain and row.not_after is not None and row.not_after > now:
        return "attention" if is_near_its_end(row.not_after, row.not_before, now) else "good"
    return "waiting" if row.trouble in (Trouble.NONE, Trouble.ELSEWHERE) and not row.chain else "bad"


def names_in_trouble() -> list[str]:
    """Return the names for which an administrator must act: no certificate comes about, or the old one ends."""
    if not AcmeAccount.objects.exists():
        return []
    elsewhere = Q(trouble=Trouble.ELSEWHERE) & (Q(domain=None) | ~Q(chain=""))
    failing = Q(chain="", failures__gte=1) | Q(failures__gte=3)
    rows = Certificate.objects.filter(elsewhere | failing | Q(not_after__lt=timezone.now()))
    return list(rows.order_by("domain_id", "name").values_list("name", flat=True))
