"""``/domains/{name}/dns-provider``: who serves the zone, and how its form takes a record."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.api.answers import words
from domains.dns.providers import Naming, provider_of
from domains.services.check import zone_seen

router = Router(tags=["domains"])


class DnsProvider(Schema):
    """What the last check saw of the zone; empty before the first one, and ``provider`` for an unknown one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name_servers": ["ns1.gandi.net", "ns2.gandi.net"],
                    "provider": "Gandi",
                    "naming": "relative",
                    "apex": "@",
                    "splits": True,
                    "final_dot": True,
                    "wildcard": [],
                }
            ]
        }
    )
    name_servers: list[str] = Field(description="The names in the zone's NS set.")
    provider: str = Field(description="The provider whose servers these are; empty when it is not known.")
    naming: Annotated[str, words(*Naming)] = Field(description="Whether its form takes names without the domain.")
    apex: str = Field(description="What its form takes for the domain itself; empty for an empty field.")
    splits: bool = Field(description="Whether it splits texts of more than 255 octets itself.")
    final_dot: bool = Field(description="Whether a host in a value ends with a dot.")
    wildcard: list[str] = Field(description="The types of records that any name below the domain answers.")


@router.get("/domains/{name}/dns-provider", response=DnsProvider, summary="The zone's provider")
def read_dns_provider(request: HttpRequest, name: str) -> DnsProvider:
    """Tell whose name servers the last check found; for an unknown provider the common way of writing names."""
    seen = zone_seen(act_of(request), name)
    known = provider_of(seen.hosts)
    return DnsProvider(
        name_servers=seen.hosts,
        provider=known.name if known else "",
        naming=known.naming if known else Naming.RELATIVE,
        apex=known.apex if known else "@",
        splits=known.splits if known else False,
        final_dot=known.final_dot if known else False,
        wildcard=seen.wildcard,
    )
