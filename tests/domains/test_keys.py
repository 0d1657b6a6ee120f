"""DKIM keys: selectors, reach, sealing."""

import pytest

from domains.audit import Act
from domains.errors import NotFound, Refused, Taken
from domains.models import DkimKey, KeyState
from domains.names import is_selector
from domains.services import keys
from domains.services.sealing import SealBroken, seal, unseal
from tests.factories import domain_admin_act, make_domain, superadmin_act

pytestmark = pytest.mark.django_db

BAD_SELECTORS = [
    ("sel\n", "a newline at the end"),
    ("sel\nector", "a newline inside"),
    ("sel\r\nv=DKIM1", "two lines"),
    ("../../etc/passwd", "a path"),
    ("..", "two dots"),
    ("a.b", "two labels"),
    ("sel ector", "a space"),
    ("_sel", "an underscore"),
    ("-sel", "a leading hyphen"),
    ("sel-", "a trailing hyphen"),
    ("a" * 64, "64 octets"),
    ("sél", "a letter beyond ASCII"),
    ("sel\0", "NUL"),
    ("sel;p=", "a semicolon"),
    ('sel"', "a quote"),
    (" ", "a space alone"),
]


@pytest.mark.parametrize(("selector", "why"), BAD_SELECTORS, ids=[why for _, why in BAD_SELECTORS])
def test_a_bad_selector_is_refused(selector, why):
    make_domain()
    with pytest.raises(Refused) as error:
        keys.create_key(superadmin_act(), "acme.example", "ed25519", selector)
    assert set(error.value.errors) == {"selector"}
    assert DkimKey.objects.count() == 2


def test_a_selector_is_lower_case_and_unique_in_its_domain_only():
    make_domain("acme.example")
    make_domain("other.example")
    assert keys.create_key(superadmin_act(), "acme.example", "ed25519", "Summer").selector == "summer"
    with pytest.raises(Taken):
        keys.create_key(superadmin_act(), "acme.example", "rsa2048", "SUMMER")
    assert keys.create_key(superadmin_act(), "other.example", "ed25519", "summer").state == KeyState.AWAITING_DNS


def test_dated_selectors_do_not_collide():
    make_domain()
    made = [keys.create_key(superadmin_act(), "acme.example", "ed25519").selector for _ in range(3)]
    assert len(set(made)) == 3
    assert all(is_selector(selector) for selector in made)


def test_a_domain_has_at_most_twenty_keys():
    make_domain()
    for number in range(keys.MAXIMUM_KEYS - 2):
        keys.create_key(superadmin_act(), "acme.example", "ed25519", f"s{number}")
    with pytest.raises(Refused):
        keys.create_key(superadmin_act(), "acme.example", "ed25519")


def test_an_unknown_algorithm_is_refused():
    make_domain()
    with pytest.raises(Refused):
        keys.create_key(superadmin_act(), "acme.example", "rsa1024")


@pytest.mark.parametrize("verb", ["read", "make", "delete"])
def test_keys_of_a_foreign_domain_look_absent(verb):
    near, far = make_domain("near.example"), make_domain("far.example")
    selector = far.dkim_keys.order_by("pk")[0].selector
    act: Act = domain_admin_act(near)
    calls = {
        "read": lambda: keys.get_key_for(act, "far.example", selector),
        "make": lambda: keys.create_key(act, "far.example", "ed25519", "x"),
        "delete": lambda: keys.delete_key(act, "far.example", selector),
    }
    with pytest.raises(NotFound):
        calls[verb]()
    assert far.dkim_keys.count() == 2


def test_a_sealed_key_opens_in_its_own_row_only():
    first, second = make_domain("first.example"), make_domain("second.example")
    own, other = first.dkim_keys.order_by("pk")
    assert keys.unsealed_key("first.example", own.selector, own.private_key_sealed).key_size == 2048
    for name, selector in ((second.name, own.selector), (first.name, other.selector)):
        with pytest.raises(SealBroken):
            keys.unsealed_key(name, selector, own.private_key_sealed)


@pytest.mark.parametrize("position", [0, 1, 12, 13, -1])
def test_a_changed_octet_breaks_the_seal(position):
    sealed = bytearray(seal("row 1", b"secret"))
    sealed[position] ^= 1
    with pytest.raises(SealBroken):
        unseal("row 1", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 20])
def test_a_cut_seal_is_broken(sealed):
    with pytest.raises(SealBroken):
        unseal("row 1", sealed)


def test_secrets_stay_out_of_texts_and_of_the_row():
    key = make_domain().dkim_keys.order_by("pk")[0]
    pair = keys.generate_key("ed25519")
    assert b"PRIVATE" not in bytes(key.private_key_sealed)
    for shown in (repr(key), str(key), repr(pair)):
        assert pair.private_der.hex() not in shown
        assert "private" not in shown.lower()


def test_a_selector_leaves_its_record_a_name_that_the_dns_can_hold():
    name = ".".join(["a" * 50] * 4) + ".example"
    make_domain(name)
    with pytest.raises(Refused):
        keys.create_key(superadmin_act(), name, "ed25519", "s" * 63)
    assert keys.create_key(superadmin_act(), name, "ed25519", "s" * 20).state == KeyState.AWAITING_DNS
