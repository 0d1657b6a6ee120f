"""Well-known DNS providers, known by the names of their servers, and how their forms take a record.

Pure. What is not known better is the common way: names without the zone, ``@`` for the zone itself, long texts split
by the provider, no final dot. A zone served by several providers is nobody's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Naming(StrEnum):
    """How the field for the name is filled."""

    RELATIVE = "relative"  # without the zone
    FULL = "full"  # with the zone


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: ``servers`` are the ends of its servers' names, or patterns where ``#`` stands for a number.

    ``apex`` is what is written for the zone itself, empty for an empty field; ``splits`` is false where a TXT longer
    than 255 octets is entered in quoted parts; ``final_dot`` where the host in a value ends with a dot.
    """

    name: str
    servers: tuple[str, ...]
    naming: Naming = Naming.RELATIVE
    apex: str = "@"
    splits: bool = True
    final_dot: bool = False

    def entry(self, name: str, zone: str) -> str:
        """Return what is written into the field for the name."""
        if self.naming is Naming.FULL:
            return name
        return self.apex if name == zone else name.removesuffix(f".{zone}")


_EMPTY = ""
_ROUTE_53 = tuple(f"awsdns-#.{end}" for end in ("com", "net", "org", "co.uk"))
_GOOGLE_CLOUD = tuple(f"ns-cloud-{letter}#.googledomains.com" for letter in "abcde")
PROVIDERS = (
    Provider("Akamai", ("akam.net",), apex=_EMPTY, splits=False, final_dot=True),
    Provider("Alibaba Cloud", ("alidns.com", "hichina.com")),
    Provider("All-Inkl", ("kasserver.com",), apex=_EMPTY),
    Provider("Amazon Route 53", _ROUTE_53, apex=_EMPTY, splits=False),
    Provider("Azure DNS", ("azure-dns.com", "azure-dns.net", "azure-dns.org", "azure-dns.info")),
    Provider("Bluehost", ("bluehost.com",)),
    Provider("bunny.net", ("bunny.net",), apex=_EMPTY),
    Provider("Cloudflare", ("ns.cloudflare.com", "foundationdns.com", "foundationdns.net", "foundationdns.org")),
    Provider("ClouDNS", ("cloudns.net", "cloudns.biz", "cloudns.uk"), apex=_EMPTY),
    Provider("deSEC", ("desec.io", "desec.org"), apex=_EMPTY, splits=False, final_dot=True),
    Provider("DigitalOcean", ("digitalocean.com",), final_dot=True),
    Provider("DNS Made Easy", ("dnsmadeeasy.com",), apex=_EMPTY, splits=False, final_dot=True),
    Provider("DNSimple", ("dnsimple.com", "dnsimple-edge.net", "dnsimple-edge.org", "dnsimple-edge.io"), apex=_EMPTY),
    Provider("DNSPod", ("dnspod.net", "dnspod.com")),
    Provider("DreamHost", ("dreamhost.com",), apex=_EMPTY),
    Provider("Dynadot", ("dynadot.com",), apex=_EMPTY),
    Provider("EuroDNS", ("eurodns.com", "eurodns.eu", "eurodns.org", "eurodns.biz")),
    Provider("Gandi", ("gandi.net",), final_dot=True),
    Provider("GoDaddy", ("domaincontrol.com",)),
    Provider("Google Cloud DNS", _GOOGLE_CLOUD, apex=_EMPTY, splits=False, final_dot=True),
    Provider("Hetzner", ("ns.hetzner.com", "ns.hetzner.de", "first-ns.de", "second-ns.de"), final_dot=True),
    Provider("HostGator", ("hostgator.com",)),
    Provider("Hostinger", ("dns-parking.com",)),
    Provider("Hover", ("hover.com",)),
    Provider("Hurricane Electric", ("he.net",), naming=Naming.FULL),
    Provider("Infomaniak", ("infomaniak.ch", "infomaniak.com"), apex=_EMPTY),
    Provider("INWX", ("inwx.de", "inwx.eu", "inwx.com"), apex=_EMPTY),
    Provider("IONOS", ("ui-dns.com", "ui-dns.de", "ui-dns.org", "ui-dns.biz")),
    Provider("Linode", ("linode.com",), apex=_EMPTY),
    Provider("Loopia", ("loopia.se",)),
    Provider("Name.com", ("name.com",)),
    Provider("Namecheap", ("registrar-servers.com", "namecheaphosting.com")),
    Provider("netcup", ("netcup.net",)),
    Provider("Network Solutions", ("worldnic.com",)),
    Provider("NS1", ("nsone.net",), naming=Naming.FULL),
    Provider("one.com", ("one.com", "b-one.net"), apex=_EMPTY),
    Provider("OVHcloud", ("ovh.net", "ovh.ca", "anycast.me"), apex=_EMPTY, final_dot=True),
    Provider("Porkbun", ("porkbun.com",), apex=_EMPTY),
    Provider("Scaleway", ("dom.scw.cloud",), apex=_EMPTY, final_dot=True),
    Provider("Simply.com", ("simply.com",)),
    Provider("SiteGround", ("siteground.net", "siteground.com", "sgcpanel.com"), apex=_EMPTY),
    Provider("Squarespace", ("squarespacedns.com", "googledomains.com")),
    Provider("STRATO", ("rzone.de", "strato.de"), apex=_EMPTY),
    Provider("TransIP", ("transip.net", "transip.nl", "transip.eu"), final_dot=True),
    Provider("Vercel", ("vercel-dns.com",), apex=_EMPTY),
    Provider("Vultr", ("vultr.com",), apex=_EMPTY),
    Provider("Wix", ("wixdns.net",), apex=_EMPTY),
)


def provider_of(hosts: Iterable[str]) -> Provider | None:
    """Return the provider all of whose name servers these are; None for an unknown or a mixed set."""
    known = {_provider_at(host.lower().rstrip(".")) for host in hosts}
    return known.pop() if len(known) == 1 else None


def _provider_at(host: str) -> Provider | None:
    """Return the provider of one server, the longest end first."""
    labels = host.split(".")
    for start in range(len(labels) - 1):
        found = _BY_END.get(_NUMBER.sub("#", ".".join(labels[start:])))
        if found is not None:
            return found
    return None


_NUMBER = re.compile(r"(?<=-)[0-9]+(?=[.])|(?<=-[a-e])[0-9]+(?=[.])")
_BY_END = {end: provider for provider in PROVIDERS for end in provider.servers}
