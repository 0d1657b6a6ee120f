"""Application configuration of mailboxes."""

from django.apps import AppConfig


class MailboxesConfig(AppConfig):
    """The Django application mailboxes."""

    name = "mailboxes"
