"""Proves a name to an authority by a TXT record (RFC 8555 section 8.4) in a zone that the panel may change.

The record stands beside whatever others wrote at its name, and goes when the order is over.
"""

import asyncio
import time
from contextlib import suppress

from domains.certificates.port import AuthorityFault, Method, Trouble
from domains.dns.resolver import default_resolver
from domains.dns.texts import zone_text
from domains.dns.update import SetChange, UpdateFault, ZoneAccess, change_zone, read_sets
from domains.models import DnsAccount
from domains.services.asking import Asker
from domains.services.desired import DesiredRecord
from domains.services.dns_access import access_of, sentence_of
from domains.services.sealing import SealBroken

LABEL = "_acme-challenge"
TTL = 60
WAIT_SECONDS = 40.0
LOOK_SECONDS = 1.0


def challenge_name(name: str) -> str:
    """Return the name of the record that proves a name."""
    return f"{LABEL}.{name}"


class DnsResponder:
    """Answers by a record in a zone of this account."""

    method = Method.DNS

    def __init__(self, account: DnsAccount) -> None:
        self._account = account
        self._name = ""
        self._content = ""

    def present(self, name: str, token: str, content: str) -> None:
        """Add the record and wait until every server shows it; raises AuthorityFault."""
        self._name, self._content = challenge_name(name), content
        try:
            asyncio.run(self._add())
        except UpdateFault as fault:
            raise AuthorityFault(Trouble.ZONE, sentence_of(fault)) from fault
        except SealBroken as fault:
            raise AuthorityFault(Trouble.ZONE, str(fault)) from fault

    def withdraw(self) -> None:
        """Take the record out, as far as the server lets us."""
        if self._name:
            with suppress(UpdateFault, SealBroken):
                asyncio.run(self._remove())

    async def _add(self) -> None:
        access = await access_of(self._account)
        before = await self._there(access)
        text = zone_text("TXT", self._content)
        if text not in before:
            await change_zone(access, [SetChange(self._name, "TXT", TTL, before, (), (text,))])
        until = time.monotonic() + WAIT_SECONDS
        while not await self._is_everywhere():
            if time.monotonic() > until:
                raise AuthorityFault(Trouble.ZONE, f"not every server of the zone shows {self._name}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _remove(self) -> None:
        access = await access_of(self._account)
        before, text = await self._there(access), zone_text("TXT", self._content)
        if text in before:
            await change_zone(access, [SetChange(self._name, "TXT", TTL, before, (text,))])

    async def _there(self, access: ZoneAccess) -> tuple[str, ...]:
        question = (self._name, "TXT")
        return (await read_sets(access, [question]))[question].raw

    async def _is_everywhere(self) -> bool:
        asker = Asker(default_resolver())
        zone = await asker.zone(self._name)
        answers = await asker.answers(DesiredRecord(self._name, zone.name, "TXT", "", "", ""), zone, own=True)
        authoritative = [answer for answer in answers if answer.host] or answers
        return all(self._content in answer.records for answer in authoritative)
