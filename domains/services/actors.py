"""Administrators, tokens and people's own settings: who may do what, and how they prove to be who they are."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from domains.audit import Act, record, system_act
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import Actor, ApiToken, Domain, MailAbout, Role
from domains.names import DomainName

ADMINISTRATORS = (Role.SUPERADMIN, Role.DOMAIN_ADMIN)
TOKEN_PREFIX = "ma_"  # noqa: S105
MINIMUM_TOKEN = 32
PASSWORD_CHARACTERS = 1024


def require_superadmin(act: Act) -> None:
    """Raise Forbidden for everybody but superadministrators."""
    if not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator may do this."))


def check_password_rules(password: str, address: str, field: str = "password") -> None:
    """Raise Refused when a new password is too short, too common, or holds the address."""
    if len(password) > PASSWORD_CHARACTERS or "\0" in password:
        raise Refused({field: _("A password has at most 1024 characters and no NUL.")})
    try:
        validate_password(password, Actor(email=address))
    except ValidationError as error:
        raise Refused({field: " ".join(error.messages)}) from error


def parse_email(text: str) -> str:
    """Return an address to sign in with as it is kept; raises Refused."""
    address = text.strip().lower()
    try:
        validate_email(address)
        local_part, _at, domain = address.rpartition("@")
        return f"{local_part}@{DomainName(domain, minimum_labels=1).ascii}"
    except (ValidationError, ValueError) as error:
        raise Refused({"email": _("Enter an e-mail address such as alice@example.org.")}) from error


def _domains(act: Act, names: Sequence[str]) -> list[Domain]:
    """Return the named domains, locked, in one order for all; each must be in the actor's reach."""
    from domains.services.provision import get_domain_for

    try:
        return [get_domain_for(act, name, lock=True) for name in sorted(set(names))]
    except NotFound as error:
        raise Refused({"domains": str(error)}) from error


def administrators_for(act: Act) -> QuerySet[Actor]:
    """Return all administrators; raises Forbidden for everybody but superadministrators."""
    require_superadmin(act)
    return Actor.objects.filter(role__in=ADMINISTRATORS).order_by("email")


def domain_administrators(act: Act) -> list[str]:
    """Return the addresses of those who administer domains; raises Forbidden as ``administrators_for``."""
    return list(administrators_for(act).filter(role=Role.DOMAIN_ADMIN).values_list("email", flat=True))


def create_administrator(act: Act, email: str, password: str, role: str, domains: Sequence[str] = ()) -> Actor:
    """Add an administrator; raises Forbidden, Refused or Taken."""
    require_superadmin(act)
    address = parse_email(email)
    if role not in ADMINISTRATORS:
        raise Refused({"role": _("The role is superadmin or domain_admin.")})
    check_password_rules(password, address)
    try:
        with transaction.atomic():
            rows = _domains(act, domains)
            actor = Actor.objects.create_actor(address, password, role)
            actor.domains.set(rows)
            changes = {"role": role, "domains": [row.name for row in rows]}
            record(act, "administrator.create", "actor", address, changes=changes)
    except IntegrityError as error:
        raise Taken(
            {"email": _("Somebody with the address %(email)s exists already.") % {"email": address}}
        ) from error
    return actor


@transaction.atomic
def delete_administrator(act: Act, email: str) -> None:
    """Delete an administrator, or make them a mere owner when they have a mailbox; the last superadmin stays."""
    require_superadmin(act)
    superadmins = list(Actor.objects.select_for_update().filter(role=Role.SUPERADMIN, is_active=True).order_by("pk"))
    address = email.lower()
    with suppress(Refused):
        address = parse_email(email)
    actor = Actor.objects.select_for_update().filter(role__in=ADMINISTRATORS, email=address).first()
    if actor is None:
        raise NotFound(_("There is no administrator %(email)s.") % {"email": email})
    if superadmins == [actor]:
        raise Refused({"email": _("This is the last superadministrator. Add another one first.")})
    record(act, "administrator.delete", "actor", actor.email, changes={"role": actor.role})
    ApiToken.objects.filter(created_by=actor).delete()
    if hasattr(actor, "account"):
        actor.domains.clear()
        Actor.objects.filter(pk=actor.pk).update(role=Role.OWNER)
    else:
        actor.delete()


# ---- Tokens -----------------------------------------------------------------------------------------------------


def tokens_for(act: Act) -> QuerySet[ApiToken]:
    """Return the tokens in reach; raises Forbidden for owners.

    For a superadministrator all, for a domain administrator those they made, for a token that nobody made (the
    operator's own, and its like) those made with it.
    """
    if act.is_superadmin:
        return ApiToken.objects.order_by("pk")
    if act.role != Role.DOMAIN_ADMIN:
        raise Forbidden(_("Only administrators have tokens."))
    if act.actor is None:
        return ApiToken.objects.filter(made_with=act.token_id, made_with__isnull=False).order_by("pk")
    rows = ApiToken.objects.filter(created_by=act.actor).order_by("pk")
    if act.token_id is None:
        return rows
    # A token acts for its maker, but its reach is its own: neither tokens of a higher role nor of other domains.
    beyond = Domain.objects.exclude(pk__in=act.domain_ids or ())
    return rows.filter(role=Role.DOMAIN_ADMIN).exclude(domains__in=beyond)


def create_token(act: Act, name: str, role: str, domains: Sequence[str] = ()) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which is shown once; raises Forbidden or Refused.

    One made with a token ends with that token, and with the person behind both.
    """
    _may_make(act, role)
    text = name.strip()
    if not text or len(text) > 100 or not text.isprintable():
        raise Refused({"name": _("A name has 1 to 100 printable characters.")})
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        rows = _domains(act, domains)
        token = _save_token(text, secret, role, act)
        token.domains.set(rows)
        changes = {"role": role, "domains": [row.name for row in rows]}
        record(act, "token.create", "token", text, changes=changes)
    return token, secret


def _may_make(act: Act, role: str) -> None:
    if role not in ADMINISTRATORS:
        raise Refused({"role": _("The role is superadmin or domain_admin.")})
    if act.role not in ADMINISTRATORS:
        raise Forbidden(_("Only administrators make tokens."))
    if role == Role.SUPERADMIN and not act.is_superadmin:
        raise Forbidden(_("Only a superadministrator makes a superadministrator's token."))


def _save_token(name: str, secret: str, role: str, act: Act) -> ApiToken:
    if act.token_id is not None and not _held(act.token_id):
        raise Forbidden(_("The token that this call came with was deleted."))
    digest = sha256(secret.encode()).digest()
    return ApiToken.objects.create(
        name=name, digest=digest, role=role, created_by=act.actor, made_with_id=act.token_id
    )


def _held(identifier: int) -> bool:
    """True while the token exists; it then stays until this transaction ends."""
    return ApiToken.objects.select_for_update(no_key=True).filter(pk=identifier).exists()


@transaction.atomic
def delete_token(act: Act, identifier: int) -> None:
    """Delete a token with those made with it; they stop working at once."""
    token = tokens_for(act).select_for_update().filter(pk=identifier).first()
    if token is None:
        raise NotFound(_("There is no token %(id)s.") % {"id": identifier})
    made = list(token.made.order_by("pk").values_list("name", flat=True))
    record(act, "token.delete", "token", token.name, changes={"made with it": made} if made else None)
    token.delete()


# ---- First start ------------------------------------------------------------------------------------------------


def superadmin_exists() -> bool:
    """True once somebody can do everything."""
    return Actor.objects.filter(role=Role.SUPERADMIN, is_active=True).exists()


def ensure_first_admin(email: str, password: str) -> bool:
    """Make the first superadministrator; False, and nothing changed, when there is one. Raises Refused or Taken."""
    if superadmin_exists():
        return False
    create_administrator(system_act("console"), email, password, Role.SUPERADMIN)
    return True


def ensure_api_token(secret: str) -> bool:
    """Make a superadministrator's token of this text unless it exists; raises Refused when it is too short."""
    if len(secret) < MINIMUM_TOKEN:
        raise Refused({"token": _("A token has at least %(count)d characters.") % {"count": MINIMUM_TOKEN}})
    if ApiToken.objects.filter(digest=sha256(secret.encode()).digest()).exists():
        return False
    with transaction.atomic():
        act = system_act("console")
        _save_token("MAILADMIN_API_TOKEN", secret, Role.SUPERADMIN, act)
        record(act, "token.create", "token", "MAILADMIN_API_TOKEN", changes={"role": "superadmin"})
    return True


# ---- One's own settings -----------------------------------------------------------------------------------------


@transaction.atomic
def change_password(act: Act, old: str, new: str) -> Actor:
    """Change one's own password; the old one must be right. Other sessions and remembered logins end."""
    actor = _own(act)
    if not actor.check_password(old):
        raise Refused({"old": _("This is not your present password.")})
    check_password_rules(new, actor.email, "new")
    set_actor_password(actor, new)
    record(act, "actor.password", "actor", actor.email)
    return actor


def set_actor_password(actor: Actor, password: str) -> None:
    """Store a password that passed the rules, and drop what was made with the old one."""
    actor.set_password(password)
    actor.credential_version += 1
    actor.save(update_fields=["password", "credential_version"])


@transaction.atomic
def change_profile(
    act: Act,
    display_name: str = "",
    language: str = "",
    time_zone: str = "",
    mail_about: str = "",
    weekly_summary: bool | None = None,
) -> Actor:
    """Change how one is named, addressed and told: language and time zone empty mean the browser's and UTC.

    ``mail_about`` empty and ``weekly_summary`` None leave that as it is; all domains are a superadministrator's to
    choose.
    """
    actor = _own(act)
    if language and language not in dict(settings.LANGUAGES):
        raise Refused({"language": _("Choose one of the languages offered.")})
    if time_zone and time_zone not in available_timezones():
        raise Refused({"time_zone": _("Choose a time zone such as Europe/Paris.")})
    if len(display_name) > 200 or not display_name.isprintable():
        raise Refused({"display_name": _("A name has at most 200 printable characters.")})
    if mail_about and (mail_about not in MailAbout.values or (mail_about == MailAbout.ALL and not act.is_superadmin)):
        raise Refused({"mail_about": _("Choose one of those offered.")})
    actor.mail_about = mail_about or actor.mail_about
    actor.weekly_summary = actor.weekly_summary if weekly_summary is None else weekly_summary
    actor.display_name, actor.language, actor.time_zone = display_name.strip(), language, time_zone
    actor.save(update_fields=["display_name", "language", "time_zone", "mail_about", "weekly_summary"])
    record(act, "actor.change", "actor", actor.email)
    return actor


def _own(act: Act) -> Actor:
    if act.actor is None:
        raise Forbidden(_("Only a person has settings of their own."))
    return Actor.objects.select_for_update().get(pk=act.actor.pk)
