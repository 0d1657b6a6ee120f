"""A domain parked in a real name server (BIND) by RFC 2136: old records go, the wildcard answers for every key."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from domains.audit import system_act
from domains.models import DomainKind
from domains.services.check import check_now, health_of
from domains.services.dns_access import set_account
from domains.services.kinds import Purpose, set_purpose
from domains.services.provision import get_domain_for
from domains.services.publication import key_record_name
from domains.services.zone_apply import apply_plan, propose
from tests.conftest import needs_program
from tests.factories import make_domain
from tests.name_server import KEY_NAME, SECRET, NameServer

pytestmark = [pytest.mark.django_db, needs_program("named")]
ZONE = "acme.example"
ACT = system_act("api")
LINES = """@ IN TXT "site-verification=1"
@ IN TXT "v=spf1 include:_spf.other.example mx -all"
@ IN MX 10 mail.acme.example.
@ IN MX 20 mx.old.example.
_dmarc IN TXT "v=DMARC1; p=none; rua=mailto:dmarc-reports@acme.example,mailto:boss@other.example"
"""


def test_a_domain_with_mail_is_parked_in_its_zone_and_is_all_right(tmp_path, settings):
    domain = make_domain(ZONE, active_keys=True)
    names = [key_record_name(key) for key in domain.dkim_keys.all()]
    keys = "".join(f'{name}. IN TXT "v=DKIM1; k=rsa; p=abc="\n' for name in names)
    with NameServer(tmp_path / "named", {ZONE: LINES + keys}) as server:
        settings.MAILADMIN = replace(
            settings.MAILADMIN,
            resolvers=(("127.0.0.1", server.port),),
            authoritative=False,
            private_networks=(ip_network("127.0.0.0/8"),),
        )
        set_account(ACT, ZONE, server="127.0.0.1", port=server.port, key_name=KEY_NAME, secret=SECRET)
        set_purpose(ACT, ZONE, Purpose(DomainKind.PARKED, reports_to=""))
        assert health_of(get_domain_for(ACT, ZONE)).word == "unchecked"
        without = {step.record.purpose for step in propose(ACT, ZONE).steps}
        assert not without & {"mx", "spf"}
        apply_plan(ACT, ZONE, consent=["ends-mail"])
        assert server.texts(ZONE, "MX") == ["0 ."]
        assert server.texts(ZONE, "TXT") == ['"site-verification=1"', '"v=spf1 -all"']
        assert server.texts(f"anything._domainkey.{ZONE}", "TXT") == ['"v=DKIM1; p="']
        assert server.texts(f"_dmarc.{ZONE}", "TXT") == [
            '"v=DMARC1; p=reject; rua=mailto:boss@other.example; sp=reject; np=reject"'
        ]
        assert {str(state.status) for state in check_now(ACT, ZONE)} == {"right"}
        assert health_of(get_domain_for(ACT, ZONE)).word == "good"
