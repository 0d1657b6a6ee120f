"""What one SMTP session may cost: every limit of the server in one place, and the counters that meet them.

RFC 5321 §4.5.3 gives the floors (512 octets a command, 100 recipients, the time-outs of §4.5.3.2).
"""

from dataclasses import dataclass, replace

MEGABYTE = 1024 * 1024

# RFC 5321 §4.5.3.1.4 with what the extensions add: SIZE 26, BODY 17, SMTPUTF8 10, AUTH 500 (RFC 4954), DSN 500.
PARAMETER_OCTETS = {"MAIL": 26 + 17 + 10 + 500, "RCPT": 500}
JUNK_COMMANDS = frozenset({"NOOP", "RSET", "VRFY", "HELP", "EXPN", "EHLO", "HELO"})


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """Budgets of a session (counts), sizes (octets) and deadlines (seconds)."""

    errors: int = 20
    junk: int = 100
    recipients: int = 1000
    auth_failures: int = 3
    command_octets: int = 512
    auth_octets: int = 12288
    message_octets: int = 25 * MEGABYTE
    greeting_delay_seconds: float = 0.0
    command_seconds: float = 300.0
    data_seconds: float = 180.0
    handler_seconds: float = 180.0
    tls_seconds: float = 30.0
    session_seconds: float = 3600.0

    def under_stress(self) -> "SmtpLimits":
        """Return what holds for strangers while a listener is busy: who stalls or errs makes room sooner."""
        return replace(
            self,
            errors=min(self.errors, 5),
            junk=min(self.junk, 20),
            command_seconds=min(self.command_seconds, 30.0),
            data_seconds=min(self.data_seconds, 60.0),
            session_seconds=min(self.session_seconds, 600.0),
        )

    def line_octets(self, verb: str) -> int:
        """Return the longest command line for this verb, with its CRLF."""
        if verb == "AUTH":
            return self.auth_octets
        return self.command_octets + PARAMETER_OCTETS.get(verb, 0)


@dataclass(slots=True)
class Spent:
    """What one session has used up of its limits."""

    limits: SmtpLimits
    errors: int = 0
    junk: int = 0
    auth_failures: int = 0

    def exhausted(self) -> str:
        """Return the public words for the budget that is used up, or an empty text."""
        if self.auth_failures >= self.limits.auth_failures:
            return "Too many authentication failures"
        if self.errors >= self.limits.errors:
            return "Too many errors"
        if self.junk > self.limits.junk:
            return "Too many commands that send no mail"
        return ""
