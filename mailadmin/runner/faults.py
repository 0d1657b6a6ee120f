"""The one kind of fault that ends a start."""


class StartFault(Exception):
    """mailadmin cannot start; ``str()`` is the one line that says what, why and what to do."""
