"""One SMTP dialogue with an MX, no further than STARTTLS: what another server sees of it (RFC 5321, RFC 3207)."""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class MxSeen:
    """What was seen: ``fault`` when nobody answered as SMTP, ``tls_fault`` why the certificate is not trusted."""

    banner: str = ""
    fault: str = ""
    starttls: bool = False
    tls_fault: str = ""


def see_mx(address: str, port: int, hostname: str, ca_file: Path | None, seconds: float = SECONDS) -> MxSeen:
    """Call an address as a server would that delivers to ``hostname``; never raises for a remote fault."""
    client = smtplib.SMTP(timeout=seconds, local_hostname=hostname)
    try:
        code, greeting = client.connect(address, port)
        banner = greeting.decode("utf-8", "replace").strip()[:200]
        if code != 220:
            return MxSeen(banner, f"{code} {banner}")
        client.ehlo()
        if not client.has_extn("starttls"):
            return MxSeen(banner)
        return MxSeen(banner, "", True, _tls_fault(client, hostname, ca_file))
    except (OSError, smtplib.SMTPException) as error:
        return MxSeen(fault=str(getattr(error, "strerror", "") or error)[:200])
    finally:
        with suppress(OSError, smtplib.SMTPException):
            client.close()


def _tls_fault(client: smtplib.SMTP, hostname: str, ca_file: Path | None) -> str:
    # smtplib's own starttls checks the certificate against the host that it called, which is an address here.
    try:
        code, answer = client.docmd("STARTTLS")
        if code != 220 or client.sock is None:
            return f"{code} {answer.decode('utf-8', 'replace')}"[:200]
        context = ssl.create_default_context(cafile=ca_file)
        client.sock = context.wrap_socket(client.sock, server_hostname=hostname)
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except (OSError, smtplib.SMTPException) as error:
        return str(error)[:200]
    return ""
