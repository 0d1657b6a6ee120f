"""What another record would have changed for mail that came in here, as the calls that try a record answer it."""

from typing import Annotated

from ninja import Schema
from pydantic import Field

from antispam.disposition.rows import Disposition
from antispam.services.received import MOST, shown_flips
from antispam.spf.evaluate import SpfResult
from antispam.tried import Tried
from domains.api.answers import Instant, words
from domains.audit import Act
from domains.times import instant

MOST_FLIPS = 500
ASKED = ("pass", "none", "quarantine", "reject", "temperror", "permerror")
Spf = Annotated[str, words(*(result.value for result in SpfResult))]
Asked = Annotated[str, words(*ASKED)]
Done = Annotated[str, words("", *(disposition.value for disposition in Disposition))]


class ReceivedFlip(Schema):
    """A message that came in here and would have ended otherwise."""

    message: str = Field(description="Its trace; empty when that is not for you to read.")
    received_at: Instant = Field(description="When it came.")
    client_address: str = Field(description="The address that brought it.")
    author_domain: str = Field(description="The domain in From.")
    mail_from_domain: str = Field(description="The domain of the envelope sender; empty for the null sender.")
    dkim_domains: list[str] = Field(description="The domains whose signatures were valid.")
    spf_before: Spf = Field(description="The SPF result then.")
    spf_after: Spf = Field(description="The SPF result that it would have been.")
    dmarc_before: Asked = Field(description="What the record of then asked for.")
    dmarc_after: Asked = Field(description="What would have been asked for.")
    disposition_before: Done = Field(description="What was done; empty when another domain's choice decides it.")
    disposition_after: Done = Field(description="What would have been done.")


class ReceivedMail(Schema):
    """What would have changed for mail that came in here with the domain, or one below it, in From."""

    stored: int = Field(description="How many such messages came on these days.")
    replayed: int = Field(description=f"How many of them were judged again: the newest, at most {MOST}.")
    unchanged: int = Field(description="How many of these would have ended alike.")
    undecided: int = Field(description="How many nobody can tell: what it takes was not asked then.")
    changed: int = Field(description="How many would have ended otherwise.")
    flips: list[ReceivedFlip] = Field(description=f"These, newest first, at most {MOST_FLIPS}.")


RECEIVED_EXAMPLE = {
    "stored": 310,
    "replayed": 310,
    "unchanged": 309,
    "undecided": 0,
    "changed": 1,
    "flips": [
        {
            "message": "01jd3v7k2m9q4x8r5t6w7y8z9a",
            "received_at": "2026-11-03T10:04:11Z",
            "client_address": "203.0.113.66",
            "author_domain": "acme.example",
            "mail_from_domain": "bounce.example",
            "dkim_domains": [],
            "spf_before": "pass",
            "spf_after": "pass",
            "dmarc_before": "none",
            "dmarc_after": "reject",
            "disposition_before": "inbox",
            "disposition_after": "refuse",
        }
    ],
}


def show_received(act: Act, found: Tried) -> ReceivedMail:
    """Return it as the actor may see it."""
    flips = shown_flips(act, found.flips[:MOST_FLIPS])
    return ReceivedMail(
        stored=found.kept,
        replayed=found.messages,
        unchanged=found.unchanged,
        undecided=found.undecided,
        changed=len(found.flips),
        flips=[
            ReceivedFlip(
                message=one.message,
                received_at=str(instant(one.received_at)),
                client_address=one.client_address,
                author_domain=one.author_domain,
                mail_from_domain=one.mail_from_domain,
                dkim_domains=list(one.dkim_domains),
                spf_before=one.spf_before,
                spf_after=one.spf_after,
                dmarc_before=one.dmarc_before,
                dmarc_after=one.dmarc_after,
                disposition_before=one.disposition_before,
                disposition_after=one.disposition_after,
            )
            for one in flips
        ],
    )
