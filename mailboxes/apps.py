"""Application configuration of mailboxes."""

from django.apps import AppConfig


class MailboxesConfig(AppConfig):
    """The Django application mailboxes."""

    name = "mailboxes"

    def ready(self) -> None:
        """Tell domains what hangs on them here, and how notices are mailed."""
        from domains.notify import register_mailer
        from domains.services.provision import Dependants, register_dependants
        from mailboxes.outbound.enqueue import enqueue_notice
        from mailboxes.services.contents import count_contents, remove_contents

        register_dependants(Dependants(count_contents, remove_contents))
        register_mailer(enqueue_notice)
