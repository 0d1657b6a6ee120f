"""TLS reports on a made-up domain (RFC 8460), some with failures."""

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta

REPORTERS = ("Google Inc.", "Microsoft Corporation")
FAILURES = ("certificate-expired", "starttls-not-supported", "sts-policy-fetch-error")


def tls_reports_of(domain: str, last_day: date, days: int, seed: int) -> Iterator[bytes]:
    """Yield the JSON of every report of the last ``days`` days; a week in the middle has failures."""
    for number in range(days):
        day = last_day - timedelta(days=days - 1 - number)
        for reporter in REPORTERS:
            chance = random.Random(f"{seed} tls {domain} {day} {reporter}")  # noqa: S311 - no secret
            failed = chance.randrange(1, 9) if days // 2 <= number < days // 2 + 7 else 0
            yield json.dumps(_report(domain, reporter, day, chance, failed)).encode()


def _report(domain: str, reporter: str, day: date, chance: random.Random, failed: int) -> dict[str, object]:
    detail = {
        "result-type": chance.choice(FAILURES),
        "receiving-mx-hostname": f"mail.{domain}",
        "sending-mta-ip": "203.0.113.9",
        "failed-session-count": failed,
    }
    return {
        "organization-name": reporter,
        "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "contact-info": "tlsrpt@reporter.example",
        "report-id": f"{day}_{domain}_{reporter.split()[0].lower()}",
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-domain": domain},
                "summary": {
                    "total-successful-session-count": chance.randrange(20, 200),
                    "total-failure-session-count": failed,
                },
                "failure-details": [detail] if failed else [],
            }
        ],
    }
