"""GETQUOTA and GETQUOTAROOT (RFC 9208): one root, the account, whose name is empty; it is absent without a quota."""

from mailboxes.imap import responses
from mailboxes.imap.commands import Command, GetQuota, OnMailbox
from mailboxes.imap.handlers.context import Context, Done, store_of, wire_name
from mailboxes.imap.port import Quota, StoreRefusal

_UNIT = 1024  # STORAGE is told in kilobytes (RFC 9208 §5.1)


async def get_quota(context: Context, command: Command) -> Done:
    """GETQUOTA."""
    assert isinstance(command, GetQuota)
    quota = await store_of(context).quota()
    if command.root or quota is None:
        raise StoreRefusal("There is no such quota root", "NONEXISTENT")
    await context.send(_storage(quota))
    return Done("GETQUOTA completed")


async def get_quota_root(context: Context, command: Command) -> Done:
    """GETQUOTAROOT."""
    assert isinstance(command, OnMailbox)
    store = store_of(context)
    folder, quota = await store.folder(command.mailbox), await store.quota()
    name = wire_name(context, folder.name)
    if quota is None:
        await context.send(responses.untagged(b"QUOTAROOT", name))
    else:
        await context.send(responses.untagged(b"QUOTAROOT", name, b'""') + _storage(quota))
    return Done("GETQUOTAROOT completed")


def _storage(quota: Quota) -> bytes:
    """``"QUOTA" SP quota-root-name SP "(" "STORAGE" SP usage SP limit ")"``; what is used is rounded up."""
    return responses.untagged(b"QUOTA", b'""', b"(STORAGE %d %d)" % (-(-quota.used // _UNIT), quota.limit // _UNIT))
