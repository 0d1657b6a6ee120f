"""argon2id with the parameters promised: m = 19 MiB, t = 2, p = 1 (RFC 9106, OWASP's second choice)."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2idHasher(Argon2PasswordHasher):
    """Django's argon2 hasher with our parameters."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
