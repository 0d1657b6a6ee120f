"""What an administrator says of a network wins, on past days too; it is scoped, recorded, and can be taken back."""

import pytest

from domains.audit import Act
from domains.errors import Forbidden, NotFound, Refused, Taken
from domains.models import AuditRecord, DmarcDaily, DmarcDay, Domain, Role
from domains.services.report_corrections import add_correction, corrections_of, remove_correction
from domains.services.reports import take_in
from tests.domains.dmarc.samples import make_row, report_xml

pytestmark = pytest.mark.django_db
FORGED = make_row(dkim="fail", spf="fail", dkim_results=(), spf_results=())


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(name="example.org", skeleton="example.org", ownership_token="token")


@pytest.fixture
def act(domain: Domain) -> Act:
    return Act("Alice", Role.DOMAIN_ADMIN, "panel", None, frozenset({domain.pk}))


def kinds() -> list[tuple[str, str]]:
    return list(DmarcDaily.objects.order_by("source_ip").values_list("kind", "sender"))


def test_a_correction_is_remembered_and_taken_back(domain, act):
    take_in(report_xml(rows=(FORGED,)), "", "upload")
    assert kinds() == [("impostor", "")]
    row = add_correction(act, "example.org", "192.0.2.77/24", "own", "  Attic  server ")
    assert (row.network, row.name, row.made_by) == ("192.0.2.0/24", "Attic server", "Alice")
    assert kinds() == [("own", "Attic server")]
    assert DmarcDay.objects.get().kind == "own"
    later = make_row("192.0.2.11", dkim="fail", spf="fail", dkim_results=(), spf_results=())
    take_in(report_xml(report_id="r-2", rows=(later,)), "", "upload")
    assert kinds() == [("own", "Attic server")] * 2
    remove_correction(act, "example.org", row.pk)
    assert kinds() == [("impostor", "")] * 2
    actions = AuditRecord.objects.order_by("id").values_list("action", "object_name", "domain")
    assert [row for row in actions if row[0].startswith("correction")] == [
        ("correction.add", "192.0.2.0/24", "example.org"),
        ("correction.remove", "192.0.2.0/24", "example.org"),
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (("nonsense", "own"), "network"),
        (("0.0.0.0/0", "own"), "network"),
        (("2001:db8::/12", "own"), "network"),
        (("192.0.2.1", "friend"), "kind"),
        (("192.0.2.1", "own", "x" * 101), "name"),
        (("192.0.2.1", "own", "a\u202eb"), "name"),
        (("192.0.2.1", "own", "", "x" * 501), "note"),
    ],
)
def test_what_cannot_be_is_refused_by_field(domain, act, values, field):
    with pytest.raises(Refused) as refusal:
        add_correction(act, "example.org", *values)
    assert list(refusal.value.errors) == [field]
    assert not corrections_of(domain)


def test_of_one_network_one_thing_is_said(domain, act):
    add_correction(act, "example.org", "192.0.2.1", "own")
    with pytest.raises(Taken):
        add_correction(act, "example.org", "192.0.2.1/32", "impostor")


def test_it_is_scoped(domain, act):
    row = add_correction(act, "example.org", "192.0.2.1", "own")
    stranger = Act("Charlie", Role.DOMAIN_ADMIN, "panel", None, frozenset())
    owner = Act("Bob", Role.OWNER, "panel", None, frozenset({domain.pk}))
    for who, error in ((stranger, NotFound), (owner, (NotFound, Forbidden))):
        with pytest.raises(error):
            add_correction(who, "example.org", "192.0.2.2", "own")
        with pytest.raises(error):
            remove_correction(who, "example.org", row.pk)
    with pytest.raises(NotFound):
        remove_correction(act, "example.org", row.pk + 1)
