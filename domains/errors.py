"""The errors that services raise; views and API turn them into messages beside the field or problem+json."""

from collections.abc import Mapping


class ServiceError(Exception):
    """A request that cannot be met; ``str()`` is one public sentence."""


class Refused(ServiceError):
    """A value is not allowed: ``errors`` maps a field's name to what is wrong and what is allowed."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class Taken(Refused):
    """A name exists already (409)."""


class NotFound(ServiceError):
    """The object is absent, or not in the actor's reach: both look alike (404)."""


class Forbidden(ServiceError):
    """The actor lacks the right (403)."""


class TooMany(ServiceError):
    """The actor asked for more of this than is allowed in a while (429)."""


class NotEmpty(ServiceError):
    """An object still holds others (409); ``counts`` says how many of what."""

    def __init__(self, message: str, counts: Mapping[str, int]) -> None:
        super().__init__(message)
        self.counts = dict(counts)
