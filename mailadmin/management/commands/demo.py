"""``manage.py demo``: twenty made-up domains with a year of reports, to look at; ``--remove`` takes them away."""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from domains.audit import system_act
from domains.models import AddressName, Domain, Sender
from domains.services import removal, tls_reports
from domains.services.provision import create_domain
from domains.services.report_rollup import reclassify
from domains.services.reports import take_in_many
from domains.spf.services import BY_SLUG
from mailadmin.demo.characters import CHARACTERS, Character
from mailadmin.demo.reports import reports_of
from mailadmin.demo.tls import tls_reports_of

MARK = "demonstration"  # the note of what the command made


class Command(BaseCommand):
    """See the module."""

    help = "Makes twenty domains with a year of reports, to look at; they are marked, and --remove takes them away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how much."""
        parser.add_argument("--domains", type=int, default=len(CHARACTERS), help="how many domains (20)")
        parser.add_argument("--days", type=int, default=365, help="how many days up to yesterday (365)")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same reports")
        parser.add_argument("--remove", action="store_true", help="remove what this command made")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or remove."""
        chosen = CHARACTERS[: options["domains"]]
        if options["remove"]:
            self._remove()
            return
        if not 7 <= options["days"] <= 3650:
            raise CommandError("--days takes 7 to 3650")
        taken = set(Domain.objects.filter(name__in=[one.name for one in chosen]).values_list("name", flat=True))
        if taken:
            raise CommandError(f"these domains exist already: {', '.join(sorted(taken))}; --remove takes away a demo")
        last_day = datetime.now(UTC).date() - timedelta(days=1)
        for character in chosen:
            self._make(character, last_day, options["days"], options["seed"])
        self.stdout.write("Look at /reports, then at bank.example, shop.example and school.example.")

    def _make(self, character: Character, last_day: Any, days: int, seed: int) -> None:
        domain = create_domain(system_act("console"), character.name)
        domain.dmarc = {"policy": character.policies[-1][1]}
        domain.save(update_fields=["dmarc"])
        Sender.objects.create(
            domain=domain, kind="relay", value=f"192.0.2.{_host(character)}", name=f"mail.{domain.name}", note=MARK
        )
        for slug in character.services:
            Sender.objects.create(domain=domain, kind="service", value=slug, name=BY_SLUG[slug].name, note=MARK)
        _name_addresses(character)
        count = sum(1 for _outcome in take_in_many(_opened(character, last_day, days, seed), "command"))
        for octets in tls_reports_of(domain.name, last_day, min(days, 60), seed):
            tls_reports.take_in(octets, "tls.json")
        reclassify(domain.pk)
        self.stdout.write(f"{character.name}: {count} reports. {character.story}")

    def _remove(self) -> None:
        made = Domain.objects.filter(senders__note=MARK, name__in=[one.name for one in CHARACTERS]).distinct()
        for domain in made:
            removal.delete_domain(system_act("console"), domain.name, cascade=True, now=True)
            self.stdout.write(f"{domain.name} is removed.")
        AddressName.objects.filter(address__in=_named()).delete()


def _opened(character: Character, last_day: Any, days: int, seed: int) -> Iterator[tuple[str, BinaryIO]]:
    for name, octets in reports_of(character, last_day, days, seed):
        yield name, BytesIO(octets)


def _host(character: Character) -> str:
    """Return the last number of the domain's own server, one of its own for each domain."""
    own = next((flow for flow in character.flows if flow.addresses[0].startswith("192.0.2.")), None)
    return own.addresses[0].rpartition(".")[2] if own else "99"


def _named() -> dict[str, str]:
    """Return the reverse names of all addresses that have one here; a domain's own server bears a name below it."""
    own = {f"192.0.2.{_host(one)}": f"mail.{one.name}" for one in CHARACTERS}
    return own | {
        address: flow.reverse.replace("{n}", str(number + 1))
        for character in CHARACTERS
        for flow in character.flows
        if flow.reverse
        for number, address in enumerate(flow.addresses)
    }


def _name_addresses(character: Character) -> None:
    """Write down the names of the character's addresses, as if the DNS had been asked."""
    mine = {address for flow in character.flows for address in flow.addresses}
    rows = [
        AddressName(address=address, name=name, verified=True, asked_at=timezone.now())
        for address, name in _named().items()
        if address in mine
    ]
    AddressName.objects.bulk_create(rows, ignore_conflicts=True)
