"""App passwords made, renamed and revoked. Only the owner makes one, and sees it once; administrators may revoke."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from domains.audit import Act, record
from domains.errors import Forbidden, NotFound, Refused
from domains.models import Role
from mailboxes.models import Account, AppPassword, Protocol
from mailboxes.services.accounts import get_account_for
from mailboxes.services.app_secrets import app_password_digest, app_password_verifier, new_app_password

LONGEST = timedelta(days=36_525)
MOST = 32  # of one account; SCRAM looks at each


def app_passwords_for(act: Act, address: str) -> QuerySet[AppPassword]:
    """Return the app passwords of a mailbox in reach; raises NotFound."""
    return get_account_for(act, address).app_passwords.order_by("pk")


def get_app_password_for(act: Act, address: str, identifier: int, lock: bool = False) -> AppPassword:
    """Return one app password; raises NotFound when it or its mailbox is absent or foreign."""
    rows = app_passwords_for(act, address).select_related("account__domain").filter(pk=identifier)
    row = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if row is None:
        raise NotFound(_("There is no app password %(id)s.") % {"id": identifier})
    return row


def owns(act: Act, account: Account) -> bool:
    """True for the owner in person, or a token that is an owner's; an administrator's token is neither."""
    return act.actor == account.actor and (act.token_id is None or act.role == Role.OWNER)


@transaction.atomic
def create_app_password(
    act: Act, address: str, name: str, protocols: Sequence[str], expires_at: datetime | None = None
) -> tuple[AppPassword, str]:
    """Make an app password and return it with its text, which is shown once; raises NotFound, Forbidden, Refused."""
    account = get_account_for(act, address, lock=True)
    if not owns(act, account):
        raise Forbidden(_("Only the mailbox's owner makes app passwords."))
    chosen = [protocol for protocol in Protocol.values if protocol in protocols]
    if not chosen or len(chosen) != len(set(protocols)):
        raise Refused({"protocols": _("Choose at least one of those offered.")})
    if expires_at is not None:
        _check_end(expires_at - timezone.now())
    if account.app_passwords.count() >= MOST:
        raise Refused({"name": _("A mailbox has at most %(count)d app passwords. Revoke one.") % {"count": MOST}})
    text = new_app_password()
    verifier = app_password_verifier(account.address, text)
    row = AppPassword.objects.create(
        account=account,
        name=_checked_name(name),
        protocols=chosen,
        digest=app_password_digest(account.address, text),
        stored_key=verifier.stored_key,
        server_key=verifier.server_key,
        expires_at=expires_at,
    )
    _record(act, "app-password.create", row, {"protocols": chosen, "expires_at": expires_at})
    return row, text


@transaction.atomic
def rename_app_password(act: Act, address: str, identifier: int, name: str) -> AppPassword:
    """Give an app password another name; raises NotFound or Refused."""
    row = get_app_password_for(act, address, identifier, lock=True)
    before, row.name = row.name, _checked_name(name)
    row.save(update_fields=["name"])
    _record(act, "app-password.rename", row, {"before": before})
    return row


@transaction.atomic
def revoke_app_password(act: Act, address: str, identifier: int) -> None:
    """Delete an app password: it opens nothing any more, and what it opened ends; raises NotFound."""
    row = get_app_password_for(act, address, identifier, lock=True)
    _record(act, "app-password.revoke", row, {"protocols": row.protocols})
    row.delete()


@transaction.atomic
def set_app_passwords_only(act: Act, address: str, only: bool) -> Account:
    """Say whether mail programs need an app password, so that the owner's own opens the panel alone."""
    account = get_account_for(act, address, lock=True)
    account.app_passwords_only = only
    account.save(update_fields=["app_passwords_only"])
    record(act, "mailbox.change", "mailbox", account.address, account.domain.name, {"app_passwords_only": only})
    return account


def _check_end(ahead: timedelta) -> None:
    if ahead <= timedelta(0):
        raise Refused({"expires_at": _("This is in the past.")})
    if ahead > LONGEST:
        raise Refused({"expires_at": _("This is more than a hundred years ahead.")})


def _checked_name(name: str) -> str:
    text = name.strip()
    if not text or len(text) > 100 or not text.isprintable():
        raise Refused({"name": _("A name has 1 to 100 printable characters.")})
    return text


def _record(act: Act, action: str, row: AppPassword, changes: dict[str, object]) -> None:
    account = row.account
    record(act, action, "mailbox", account.address, account.domain.name, {"name": row.name} | changes)
