"""What a domain holds here: counted before it is deleted, removed with it."""

from django.db.models import Count, Sum

from domains.audit import Act, record
from domains.models import Domain
from mailboxes.models import Account, Alias, Group
from mailboxes.services.accounts import remove_account
from mailboxes.services.aliases import remove_aliases
from mailboxes.services.groups import remove_groups


def count_contents(domain: Domain) -> dict[str, int]:
    """Return how many mailboxes, messages in them, aliases and groups the domain has."""
    accounts = Account.objects.filter(domain=domain).aggregate(mailboxes=Count("pk"), messages=Sum("messages_count"))
    return {
        "mailboxes": accounts["mailboxes"],
        "messages": accounts["messages"] or 0,
        "aliases": Alias.objects.filter(domain=domain).count(),
        "groups": Group.objects.filter(domain=domain).count(),
    }


def remove_contents(act: Act, domain: Domain) -> None:
    """Remove mailboxes with all their messages, aliases and groups, inside the caller's transaction."""
    held = Account.objects.filter(domain=domain).select_related("actor", "domain").select_for_update(of=("self",))
    for account in held.order_by("pk"):
        record(act, "mailbox.delete", "mailbox", account.address, domain.name, {"messages": account.messages_count})
        remove_account(account)
    remove_aliases(domain)
    remove_groups(domain)
