"""What the calls on reports and sources answer."""

from dataclasses import asdict
from typing import Annotated

from ninja import Schema
from pydantic import Field

from domains.api.answers import Day, Instant, moment, shown, words
from domains.models import DmarcReport
from domains.network_table import UNKNOWN
from domains.networks import network_of
from domains.reports.kinds import KINDS
from domains.services.report_sources import Source as SourceRow


class Report(Schema):
    """The head of a DMARC aggregate report."""

    model_config = shown(
        org_name="receiver.example",
        report_id="2026-11-23-acme",
        domain="acme.example",
        records=3,
        messages=1204,
        begin="2026-11-23T00:00:00Z",
        end="2026-11-23T23:59:59Z",
    )
    org_name: str = Field(description="Who reports.")
    report_id: str = Field(description="The reporter's name of the report.")
    domain: str = Field(description="Our domain that it is about.")
    records: int = Field(description="How many rows it holds.")
    messages: int = Field(description="How many messages they tell of.")
    begin: Instant = Field(description="When its period begins.")
    end: Instant = Field(description="When its period ends.")


class SourceNetwork(Schema):
    """Who announces an address, by a table that set-up made: RouteViews, DB-IP and NRO, CC BY 4.0."""

    model_config = shown(as_number=64500, owner="Example Net", country="FR")
    as_number: int | None = Field(description="The number of the autonomous system; null when nobody announces it.")
    owner: str = Field(description="Who owns the network; empty when not known.")
    country: str = Field(description="Where it is registered, as ISO 3166-1 has it; empty when not known.")


class Source(Schema):
    """An address that sent in a domain's name, by the reports."""

    source_ip: str = Field(description="The sending address.")
    name: str = Field(description="The service behind it; empty while nothing names it.")
    class_: Annotated[str, words(*KINDS)] = Field(
        serialization_alias="class", description="Who it is thought to be, by most of its messages."
    )
    messages: int = Field(description="How many messages it sent.")
    dmarc_pass: int = Field(description="How many passed DMARC.")
    spf_aligned: int = Field(description="How many passed by SPF.")
    dkim_aligned: int = Field(description="How many passed by DKIM.")
    dispositions: dict[str, int] = Field(description="How many messages met which disposition.")
    first_day: Day = Field(description="The first day that it was seen, in UTC.")
    last_day: Day = Field(description="The last day that it was seen, in UTC.")
    network: SourceNetwork | None = Field(
        description="Its network; null when nothing is known of it, as of addresses for special use."
    )


def show_report(report: DmarcReport) -> Report:
    """Return the head of an aggregate report."""
    return Report(
        org_name=report.org_name,
        report_id=report.report_id,
        domain=report.domain.name,
        records=report.records_count,
        messages=report.messages_count,
        begin=moment(report.begin_at),
        end=moment(report.end_at),
    )


def show_source(source: SourceRow) -> Source:
    """Return one source, days as ISO 8601."""
    days = {"first_day": source.first_day.isoformat(), "last_day": source.last_day.isoformat()}
    return Source(**asdict(source) | days, network=_show_network(source.source_ip))


def _show_network(address: str) -> SourceNetwork | None:
    network = network_of(address)
    if network == UNKNOWN:
        return None
    return SourceNetwork(as_number=network.number or None, owner=network.owner, country=network.country)
