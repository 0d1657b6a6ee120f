"""Application configuration of domains."""

from django.apps import AppConfig


class DomainsConfig(AppConfig):
    """The Django application domains."""

    name = "domains"

    def ready(self) -> None:
        """Tell how the zones of the installation are cleared of a domain that goes."""
        from domains.services.hosted_keys import withdraw_later
        from domains.services.provision import Dependants, register_dependants

        register_dependants(Dependants(lambda domain: {}, withdraw_later))
