"""Addresses of mailboxes, app passwords, aliases, groups and the queue."""

from django.urls import path

from mailboxes.views import aliases, app_passwords, groups, mailboxes, queue

urlpatterns = [
    path("domains/<str:name>/mailboxes", mailboxes.mailboxes, name="domain-mailboxes"),
    path("domains/<str:name>/mailboxes/add", mailboxes.add, name="mailbox-add"),
    path("mailboxes/<str:address>", mailboxes.change, name="mailbox"),
    path("mailboxes/<str:address>/delete", mailboxes.delete, name="mailbox-delete"),
    path("mailboxes/<str:address>/app-passwords", app_passwords.listing, name="app-passwords"),
    path("mailboxes/<str:address>/app-passwords/only", app_passwords.only, name="app-passwords-only"),
    path("mailboxes/<str:address>/app-passwords/<int:identifier>", app_passwords.rename, name="app-password"),
    path(
        "mailboxes/<str:address>/app-passwords/<int:identifier>/revoke",
        app_passwords.revoke,
        name="app-password-revoke",
    ),
    path("domains/<str:name>/aliases", aliases.aliases, name="domain-aliases"),
    path("domains/<str:name>/aliases/add", aliases.add, name="alias-add"),
    path("domains/<str:name>/catch-all", aliases.catch_all, name="catch-all"),
    path("aliases/<str:address>", aliases.change, name="alias"),
    path("aliases/<str:address>/delete", aliases.delete, name="alias-delete"),
    path("domains/<str:name>/groups", groups.groups, name="domain-groups"),
    path("domains/<str:name>/groups/add", groups.add, name="group-add"),
    path("groups/<str:address>", groups.change, name="group"),
    path("groups/<str:address>/delete", groups.delete, name="group-delete"),
    path("queue", queue.queue, name="queue"),
    path("queue/<str:identifier>/retry", queue.retry, name="queue-retry"),
    path("queue/<str:identifier>/delete", queue.delete, name="queue-delete"),
]
