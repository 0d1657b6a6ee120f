"""The pages of groups: added, changed and deleted by plain forms, mistakes beside their field."""

import pytest

from domains.models import Actor, AuditRecord
from mailboxes.models import Group
from tests.panel.people import Place, signed_in

pytestmark = pytest.mark.usefixtures("_no_network")
ADD = "/domains/near.example/groups/add"
FIELDS = {"address": "All", "name": "Everyone", "members": "zoe@far.example\nalice@near.example, zoe@far.example"}


def test_a_group_is_added_by_its_local_part(dora: Actor, near: Place) -> None:
    browser = signed_in(dora)
    answer = browser.post(ADD, FIELDS | {"writers": "members"})
    assert answer["Location"] == "/domains/near.example/groups"
    group = Group.objects.get(local_part="all")
    assert (group.name, group.writers) == ("Everyone", "members")
    assert group.members == ["zoe@far.example", "alice@near.example"]
    page = browser.get("/domains/near.example/groups").content.decode()
    assert "The group all@near.example is added." in page
    assert "Everyone" in page
    assert AuditRecord.objects.filter(action="group.create", object_name="all@near.example").exists()
    assert "added the group" in browser.get("/audit").content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"members": "zoe"}, "members"),
        ({"members": "all@near.example"}, "members"),
        ({"address": "a b"}, "address"),
        ({"address": "alice"}, "address"),
        ({"address": "dmarc-reports"}, "address"),
        ({"address": "abuse", "writers": "domain"}, "writers"),
        ({"writers": "x"}, "writers"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(
    dora: Actor, near: Place, change: dict[str, str], field: str
) -> None:
    page = signed_in(dora).post(ADD, FIELDS | {"writers": "everybody"} | change).content.decode()
    assert f'id="id_{field}_error"' in page
    assert "Everyone" in page
    assert not Group.objects.filter(name="Everyone").exists()


def test_a_group_is_changed_found_and_deleted(dora: Actor, near: Place) -> None:
    browser = signed_in(dora)
    text = "<script>alert(1)</script>"
    browser.post(f"/groups/{near.group}", {"name": text, "members": "zoe@far.example", "writers": "domain"})
    page = browser.get("/domains/near.example/groups?q=ZOE").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert text not in page
    assert "The domain&#x27;s own people" in page
    assert "No group has this" in browser.get("/domains/near.example/groups?q=nobody").content.decode()
    assert "Its members keep their mailboxes." in browser.get(f"/groups/{near.group}/delete").content.decode()
    browser.post(f"/groups/{near.group}/delete", {"confirm": "on"})
    assert not Group.objects.filter(domain=near.domain).exists()
