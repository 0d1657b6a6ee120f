"""A plan as text for other hands: zone file, nsupdate, octoDNS and Terraform; pure.

Each text describes whole record sets with what stays in them, so that a tool which owns a set does not drop what
others wrote there. Terraform's is for the provider ``hashicorp/dns``, which knows no TLSA and no CAA.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from domains.dns.texts import zone_text
from domains.dns.update import SetChange
from domains.services.zone_changes import Set

_WITHOUT = "# {type} {name}: this tool has no way to say it; set it by hand to {texts}"


def zone_file(sets: Sequence[Set], zone: str) -> str:
    """Return the sets as they will be (RFC 1035 section 5)."""
    lines = [f"$ORIGIN {zone}."]
    lines += [
        f"{row.name}. {row.ttl} IN {row.type} {zone_text(row.type, text)}" for row in sets for text in row.texts
    ]
    return "\n".join(lines) + "\n"


def nsupdate_script(changes: Sequence[SetChange], zone: str, server: str = "") -> str:
    """Return a script for nsupdate: the prerequisites, then what goes and comes, in one message."""
    lines = [f"server {server}"] if server else []
    lines += [f"zone {zone}."]
    for change in changes:
        lines += _prerequisites(change)
    for change in changes:
        lines += [f"update delete {change.name}. {change.type} {text}" for text in change.removes]
        lines += [f"update add {change.name}. {change.ttl} {change.type} {text}" for text in change.adds]
    return "\n".join([*lines, "send"]) + "\n"


def _prerequisites(change: SetChange) -> list[str]:
    if change.before:
        return [f"prereq yxrrset {change.name}. {change.type} {text}" for text in change.before]
    if change.type == "CNAME":
        return [f"prereq nxdomain {change.name}."]
    return [f"prereq nxrrset {change.name}. {change.type}", f"prereq nxrrset {change.name}. CNAME"]


def relative(name: str, zone: str) -> str:
    """Return a name without its zone, empty for the zone itself."""
    return "" if name == zone else name.removesuffix(f".{zone}")


# ---- octoDNS ----------------------------------------------------------------------------------------------------


def octodns_text(sets: Sequence[Set], zone: str) -> str:
    """Return the sets as octoDNS's YAML, one document of the zone's file; it wants its keys in order."""
    by_name: dict[str, list[Set]] = {}
    for row in sets:
        by_name.setdefault(relative(row.name, zone), []).append(row)
    lines = ["---"]
    for name in sorted(by_name):
        lines.append(f"{json.dumps(name)}:")
        lines += [line for row in by_name[name] for line in _octodns_set(row)]
    return "\n".join(lines) + "\n"


def _octodns_set(row: Set) -> list[str]:
    lines = [f"  - ttl: {row.ttl}", f"    type: {row.type}"]
    values = [_octodns_value(row.type, text) for text in row.texts]
    if row.type in ("CNAME", "PTR"):
        return [*lines, f"    value: {values[0]}"]
    return [*lines, "    values:", *(f"      - {value}" for value in values)]


def _octodns_value(rdtype: str, text: str) -> str:
    words = text.split()
    if rdtype == "TXT":
        return json.dumps(text.replace(";", "\\;"))
    if rdtype == "MX":
        return f"{{exchange: {_dotted(words[1])}, preference: {words[0]}}}"
    if rdtype == "SRV":
        return f"{{port: {words[2]}, priority: {words[0]}, target: {_dotted(words[3])}, weight: {words[1]}}}"
    if rdtype == "TLSA":
        usage, selector, matching, digest = words
        head = f"certificate_association_data: {json.dumps(digest)}, certificate_usage: {usage}"
        return f"{{{head}, matching_type: {matching}, selector: {selector}}}"
    if rdtype == "CAA":
        flags, tag, value = text.split(" ", 2)
        return f"{{flags: {flags}, tag: {tag}, value: {json.dumps(value.strip(chr(34)))}}}"
    return _dotted(text) if rdtype in ("CNAME", "PTR") else json.dumps(text)


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _dotted(name: str) -> str:
    return json.dumps(_absolute(name))


# ---- Terraform --------------------------------------------------------------------------------------------------


def terraform_text(sets: Sequence[Set], zone: str) -> str:
    """Return the sets as Terraform resources of the provider ``hashicorp/dns``."""
    return "\n".join(_terraform_set(row, zone) for row in sets)


def _terraform_set(row: Set, zone: str) -> str:
    write = _TERRAFORM.get(row.type)
    if write is None:
        return _WITHOUT.format(type=row.type, name=row.name, texts=", ".join(row.texts)) + "\n"
    kind, body = write(row)
    label = "".join(letter if letter.isalnum() else "_" for letter in f"{row.type.lower()}_{row.name}")
    lines = [f'resource "{kind}" "{label}" {{', f"  zone = {_hcl(_absolute(zone))}"]
    if name := relative(row.name, zone):
        lines.append(f"  name = {_hcl(name)}")
    return "\n".join([*lines, f"  ttl  = {row.ttl}", *body, "}", ""])


def _hcl(text: str) -> str:
    """Return a quoted string in which nothing is a template (Terraform's ``${`` and ``%{``)."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _list(name: str, texts: Sequence[str]) -> list[str]:
    return [f"  {name} = [", *(f"    {_hcl(text)}," for text in texts), "  ]"]


def _mx(row: Set) -> tuple[str, list[str]]:
    body: list[str] = []
    for text in row.texts:
        preference, exchange = text.split()
        body += ["  mx {", f"    preference = {preference}", f"    exchange   = {_hcl(_absolute(exchange))}", "  }"]
    return "dns_mx_record_set", body


def _srv(row: Set) -> tuple[str, list[str]]:
    body: list[str] = []
    for text in row.texts:
        priority, weight, port, target = text.split()
        body += ["  srv {", f"    priority = {priority}", f"    weight   = {weight}", f"    port     = {port}"]
        body += [f"    target   = {_hcl(_absolute(target))}", "  }"]
    return "dns_srv_record_set", body


_TERRAFORM: Mapping[str, Callable[[Set], tuple[str, list[str]]]] = {
    "A": lambda row: ("dns_a_record_set", _list("addresses", row.texts)),
    "AAAA": lambda row: ("dns_aaaa_record_set", _list("addresses", row.texts)),
    "TXT": lambda row: ("dns_txt_record_set", _list("txt", row.texts)),
    "CNAME": lambda row: ("dns_cname_record", [f"  cname = {_hcl(_absolute(row.texts[0]))}"]),
    "PTR": lambda row: ("dns_ptr_record", [f"  ptr = {_hcl(_absolute(row.texts[0]))}"]),
    "MX": _mx,
    "SRV": _srv,
}
