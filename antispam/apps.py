"""Application configuration of antispam."""

from django.apps import AppConfig


class AntispamConfig(AppConfig):
    """The Django application antispam."""

    name = "antispam"

    def ready(self) -> None:
        """Have what is kept of every trace counted where traces are expanded."""
        from antispam.services.evaluations import count_evaluations, count_verdicts
        from antispam.services.networks import remember_good_mail
        from domains.services.expansion import on_expanded

        for listener in (count_evaluations, count_verdicts, remember_good_mail):
            on_expanded(listener)
