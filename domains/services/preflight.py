"""Ready to move MX? What must be so before other servers are told to deliver here, looked at as they see it.

The network is asked outside any transaction. A check that fails makes the domain not ready; a warning is advice.
"""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from domains.audit import Act
from domains.dns.resolver import default_resolver
from domains.http import FetchFault, fetch
from domains.models import Domain, DomainKind, KeyState, MtaSts, RecordStatus
from domains.services.check import RecordState, answers_for, check_now
from domains.services.guiding import takes_mail
from domains.services.onboarding import elsewhere
from domains.services.provision import contents_of, get_domain_for
from domains.smtp_probe import MxSeen, see_mx
from domains.tls.mta_sts import PATH, BadPolicy, Policy, PolicyMode, is_record, parse_policy

SHORT_TTL = 300
FEW_OCTETS = 1 << 30
POLICY_OCTETS = 64 * 1024


class Verdict(StrEnum):
    """What a check found."""

    PASS = "pass"  # noqa: S105
    WARNING = "warning"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name for scripts, its verdict, one or two sentences for people."""

    name: str
    status: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the network showed: addresses of our host name, the MX's TTL, our MX from outside and from inside."""

    addresses: frozenset[str]
    mx_ttl: int
    outside: tuple[tuple[str, MxSeen], ...]
    inside: MxSeen | None
    policy: Policy | None
    policy_announced: bool


def preflight(act: Act, name: str) -> list[Check]:
    """Look at everything now and return the checks; a domain that passes is ready for a day. Raises NotFound."""
    states = check_now(act, name)
    domain = get_domain_for(act, name)
    seen = asyncio.run(_look(domain, states))
    checks = list(_checks(domain, states, seen))
    ready = all(check.status is not Verdict.FAIL for check in checks)
    Domain.objects.filter(pk=domain.pk).update(switch_ready_at=timezone.now() if ready else None)
    return checks


# ---- Looking ----------------------------------------------------------------------------------------------------


async def _look(domain: Domain, states: Sequence[RecordState]) -> Sighting:
    config, resolver = settings.MAILADMIN, default_resolver()
    moves = [state.record for state in states if state.record.purpose == "mx"]
    four, six, sts, answers, outside = await asyncio.gather(
        resolver.lookup(config.hostname, "A"),
        resolver.lookup(config.hostname, "AAAA"),
        resolver.lookup(f"_mta-sts.{domain.name}", "TXT"),
        answers_for(domain, moves, resolver),
        asyncio.gather(*(_see(address, config.public_ports["mx"]) for address in config.public_addresses)),
    )
    inside = await _see(config.bind[0], config.mx_port) if config.mx_port else None
    announced = any(map(is_record, sts.records))
    foreign = announced and domain.mta_sts == MtaSts.OFF
    return Sighting(
        frozenset(four.records + six.records),
        max((answer.ttl for found in answers.values() for answer in found if answer.found), default=0),
        tuple(zip(config.public_addresses, outside, strict=True)),
        inside,
        await asyncio.to_thread(_policy_elsewhere, domain.name) if foreign else None,
        foreign,
    )


async def _see(address: str, port: int) -> MxSeen:
    config = settings.MAILADMIN
    return await asyncio.to_thread(see_mx, address, port, config.hostname, config.ca_file)


def _policy_elsewhere(name: str) -> Policy | None:
    """Return the policy that senders find for the domain; None when they find none."""
    config = settings.MAILADMIN
    try:
        answer = fetch(
            f"https://mta-sts.{name}{PATH}", redirects=0, limit=POLICY_OCTETS, ports={443: config.sts_port}
        )
        return parse_policy(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None
    except (FetchFault, BadPolicy):
        return None


# ---- Judging ----------------------------------------------------------------------------------------------------


def _checks(domain: Domain, states: Sequence[RecordState], seen: Sighting) -> Iterator[Check]:
    yield _recipients(domain)
    yield _host(seen)
    yield from _reverse(states)
    yield _listener(seen)
    yield from _tls(seen)
    yield _disk()
    yield _spf(states)
    yield _dkim(domain)
    yield _dmarc(states)
    yield _old_mx(states, seen)
    yield from _null_mx(states)
    yield from _mta_sts(seen)


def _status(states: Sequence[RecordState], purpose: str) -> set[str]:
    return {str(state.status) for state in states if state.record.purpose == purpose}


def _recipients(domain: Domain) -> Check:
    contents = contents_of(domain.alias_of or domain)
    if domain.kind == DomainKind.PARKED:
        return Check("recipients", Verdict.FAIL, _("The domain is parked: it takes no mail."))
    if not takes_mail(domain):
        return Check(
            "recipients", Verdict.FAIL, _("No mailbox, alias or group takes mail yet: everything would bounce.")
        )
    text = _(
        "Mailboxes: %(mailboxes)d, aliases: %(aliases)d, groups: %(groups)d; postmaster and abuse reach the "
        "administrators. Compare them with the addresses in use today: mail to any other is refused."
    )
    counts = {name: contents.get(name, 0) for name in ("mailboxes", "aliases", "groups")}
    return Check("recipients", Verdict.PASS, text % counts)


def _host(seen: Sighting) -> Check:
    config = settings.MAILADMIN
    host, ours = config.hostname, frozenset(config.public_addresses)
    values = {"host": host, "addresses": ", ".join(sorted(seen.addresses))}
    if not seen.addresses:
        return Check("host", Verdict.FAIL, _("%(host)s has no address in the DNS: no server can deliver.") % values)
    if not ours:
        text = _(
            "%(host)s leads to %(addresses)s. This server does not know its public addresses "
            "(MAILADMIN_PUBLIC_ADDRESSES): see for yourself that they are its own."
        )
        return Check("host", Verdict.WARNING, text % values)
    foreign = seen.addresses - ours
    if foreign:
        text = _("%(host)s leads to %(foreign)s, which is not an address of this server.")
        return Check("host", Verdict.FAIL, text % (values | {"foreign": ", ".join(sorted(foreign))}))
    return Check("host", Verdict.PASS, _("%(host)s leads to %(addresses)s, this server.") % values)


def _reverse(states: Sequence[RecordState]) -> Iterator[Check]:
    for state in states:
        if state.record.purpose != "ptr":
            continue
        right = state.status == RecordStatus.RIGHT
        text = (
            _("The reverse name %(name)s is %(host)s.")
            if right
            else _(
                "The reverse name %(name)s is not %(host)s: many receivers refuse mail from here. Set it where the "
                "address was rented."
            )
        )
        values = {"name": state.record.name, "host": state.record.value}
        yield Check("reverse", Verdict.PASS if right else Verdict.WARNING, text % values)


def _answers(seen: MxSeen) -> bool:
    return not seen.fault and settings.MAILADMIN.hostname in seen.banner.lower()


def _listener(seen: Sighting) -> Check:
    config = settings.MAILADMIN
    port = config.public_ports["mx"]
    if seen.inside is None:
        return Check("listener", Verdict.FAIL, _("The port for mail from other servers is off here."))
    if not _answers(seen.inside):
        text = _("The server does not answer other servers here: %(why)s")
        return Check("listener", Verdict.FAIL, text % {"why": seen.inside.fault or seen.inside.banner})
    unreached = [(address, one) for address, one in seen.outside if not _answers(one)]
    if unreached:
        address, one = unreached[0]
        text = _(
            "The server answers, but not at %(address)s port %(port)d as seen from itself (%(why)s). Some routers do "
            "not lead back: try it from another machine before you go on."
        )
        values = {"address": address, "port": port, "why": one.fault or one.banner}
        return Check("listener", Verdict.WARNING, text % values)
    text = _("The server answers other servers: %(banner)s")
    return Check("listener", Verdict.PASS, text % {"banner": seen.inside.banner})


def _tls(seen: Sighting) -> Iterator[Check]:
    if seen.inside is None or not _answers(seen.inside):
        return
    values = {"host": settings.MAILADMIN.hostname, "fault": seen.inside.tls_fault}
    if not seen.inside.starttls:
        yield Check("tls", Verdict.FAIL, _("The server offers no STARTTLS: mail would come unencrypted."))
    elif seen.inside.tls_fault:
        text = _(
            "Other servers do not trust the certificate for %(host)s (%(fault)s). Mail still comes encrypted, but "
            "MTA-STS cannot be enforced."
        )
        yield Check("tls", Verdict.WARNING, text % values)
    else:
        yield Check("tls", Verdict.PASS, _("The certificate for %(host)s is trusted.") % values)


def _disk() -> Check:
    free = shutil.disk_usage(settings.MAILADMIN.data).free
    values = {"free": filesizeformat(free)}
    if free < FEW_OCTETS:
        return Check("disk", Verdict.FAIL, _("Only %(free)s are free for mail: make room first.") % values)
    return Check("disk", Verdict.PASS, _("%(free)s are free for mail.") % values)


def _spf(states: Sequence[RecordState]) -> Check:
    if _status(states, "spf") == {RecordStatus.RIGHT}:
        return Check("spf", Verdict.PASS, _("The SPF record lets this server send."))
    return Check("spf", Verdict.FAIL, _("The SPF record does not let this server send: answers would be distrusted."))


def _dkim(domain: Domain) -> Check:
    if any(key.state == KeyState.ACTIVE for key in domain.dkim_keys.all()):
        return Check("dkim", Verdict.PASS, _("A DKIM key is active: mail leaves signed."))
    return Check("dkim", Verdict.FAIL, _("No DKIM key is active: answers would leave unsigned."))


def _dmarc(states: Sequence[RecordState]) -> Check:
    if _status(states, "dmarc") <= {RecordStatus.RIGHT}:
        return Check("dmarc", Verdict.PASS, _("The DMARC record is there; reports come here."))
    return Check("dmarc", Verdict.WARNING, _("The DMARC record is missing or another one."))


def _old_mx(states: Sequence[RecordState], seen: Sighting) -> Check:
    others = elsewhere(states)
    if not others:
        return Check("old-mx", Verdict.PASS, _("No other server gets the domain's mail today."))
    values = {"hosts": ", ".join(others), "ttl": seen.mx_ttl}
    if seen.mx_ttl <= SHORT_TTL:
        text = _("Mail goes to %(hosts)s; the record is remembered for %(ttl)d seconds only: the move is quick.")
        return Check("old-mx", Verdict.PASS, text % values)
    over = timezone.localtime(timezone.now() + timedelta(seconds=seen.mx_ttl))
    text = _(
        "Mail goes to %(hosts)s, and other servers remember that for %(ttl)d seconds. Lower the TTL of the MX record "
        "to 300 first and move after %(time)s: then a slip can be taken back within minutes."
    )
    return Check("old-mx", Verdict.WARNING, text % (values | {"time": date_format(over, "DATETIME_FORMAT")}))


def _null_mx(states: Sequence[RecordState]) -> Iterator[Check]:
    found = {text for state in states if state.record.purpose == "mx" for text in state.found}
    if any(text.endswith(" .") for text in found):
        text = _(
            "A null MX says that the domain takes no mail. Replace it: beside another MX it is an error (RFC 7505)."
        )
        yield Check("null-mx", Verdict.WARNING, text)


def _mta_sts(seen: Sighting) -> Iterator[Check]:
    host = settings.MAILADMIN.hostname
    if not seen.policy_announced:
        return
    if seen.policy is None:
        text = _("An MTA-STS record is published that does not come from here, and its policy cannot be read.")
        yield Check("mta-sts", Verdict.WARNING, text)
    elif seen.policy.mode is PolicyMode.ENFORCE and not _names(seen.policy, host):
        text = _(
            "The MTA-STS policy published elsewhere lets mail go to %(mx)s only: senders would refuse to deliver to "
            "%(host)s. Add it there, or withdraw the policy, and wait for its max_age of %(age)d seconds."
        )
        values = {"mx": ", ".join(seen.policy.mx), "host": host, "age": seen.policy.max_age}
        yield Check("mta-sts", Verdict.FAIL, text % values)
    else:
        yield Check("mta-sts", Verdict.PASS, _("The MTA-STS policy published elsewhere does not stop the move."))


def _names(policy: Policy, host: str) -> bool:
    parent = host.partition(".")[2]
    return any(name == host or name == f"*.{parent}" for name in policy.mx)
