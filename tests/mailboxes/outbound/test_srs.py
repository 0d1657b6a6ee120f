"""Rewritten senders: there and back, what is refused, what does not fit."""

import pytest

from mailboxes.outbound.srs import DAYS, NotOurs, Original, is_srs, original_sender, rewrite

KEY = b"k" * 32
DAY = 20_782
TRACE = "01k2h3j4m5n6p7q8r9s0t1v2w3"


def back(address: str, key: bytes = KEY, day: int = DAY) -> Original:
    local_part, _, domain = address.rpartition("@")
    assert is_srs(local_part)
    return original_sender(key, local_part, domain, day)


def there(sender: str, domain: str = "acme.example", day: int = DAY) -> str:
    return rewrite(KEY, sender, domain, day, TRACE)


SENDERS = [
    "bob@b.example",
    "Bob.Builder+tag@b.example",
    "a=b=c@b.example",
    "prvs=tag=bob@b.example",
    "srs0@b.example",
    "SRS1=x=not a domain=@b.example".replace(" ", "_"),
    "%relay%x@b.example",
]


@pytest.mark.parametrize("sender", SENDERS)
def test_a_bounce_finds_the_sender_again(sender: str) -> None:
    address = there(sender)
    assert address.startswith("SRS0=")
    assert address.endswith("@acme.example")
    assert back(address) == Original(sender)


def test_letters_may_change_their_case_on_the_way() -> None:
    assert back(there("bob@b.example").upper().replace("ACME.EXAMPLE", "acme.example")) == Original("BOB@B.EXAMPLE")
    assert back(there("Bob@b.example").lower()) == Original("bob@b.example")


@pytest.mark.parametrize(
    "sender",
    [
        "a" * 60 + "@b.example",  # more than 64 octets
        "bounce-12345678-alice=acme.example@mailer.newsletter.example",
        '"bob builder"@b.example',  # quoted
        '"a=b"@b.example',
        "bjørn@b.example",  # not ASCII
        "bob@[192.0.2.1]",  # no domain
    ],
)
def test_what_does_not_fit_is_named_by_the_trace(sender: str) -> None:
    address = there(sender)
    assert address.isascii()
    assert len(address.partition("@")[0]) <= 64
    assert back(address) == Original(trace_id=TRACE)


def test_a_domain_in_its_own_letters_is_written_in_a_labels() -> None:
    assert back(there("bob@bücher.example")) == Original("bob@xn--bcher-kva.example")


@pytest.mark.parametrize("separator", "=+-")
def test_the_address_of_an_earlier_forwarder_is_chained_and_grows_no_more(separator: str) -> None:
    first = f"SRS0{separator}HHHH=TT=b.example=bob@one.example"
    second = there(first)
    assert second.startswith("SRS1=")
    assert back(second) == Original(first)
    third = rewrite(KEY, second, "third.example", DAY, TRACE)
    assert third.startswith("SRS1=")
    assert len(third.partition("@")[0]) == len(second.partition("@")[0])
    assert back(third) == Original(first)  # straight to the first, who knows the sender


@pytest.mark.parametrize("age", [0, 1, DAYS])
def test_it_lives_three_weeks_also_over_the_turn_of_the_count(age: int) -> None:
    for day in (DAY, 1023, 2047, 1024):
        assert back(there("bob@b.example", day=day), day=day + age) == Original("bob@b.example")


@pytest.mark.parametrize("age", [DAYS + 1, 100, 1000, -1])
def test_it_is_nothing_outside_its_time(age: int) -> None:
    with pytest.raises(NotOurs, match="days ago"):
        back(there("bob@b.example"), day=DAY + age)


GOOD = there("bob@b.example")
FIRST = GOOD.partition("=")[2].partition("=")[0]
CHAINED = there("SRS0=HHHH=TT=b.example=bob@one.example")


@pytest.mark.parametrize(
    "forged",
    [
        GOOD.replace("bob", "eve"),
        GOOD.replace("b.example", "c.example"),
        GOOD.replace("acme.example", "other.example"),  # made for another domain of ours
        GOOD.replace(FIRST, "aaaaaa"),
        GOOD.replace(FIRST, FIRST[:3]),
        GOOD.replace(FIRST, ""),
        GOOD.replace("SRS0", "SRS1"),
        CHAINED.replace("one.example", "two.example"),
        CHAINED.replace("bob", "eve"),
        CHAINED.replace("SRS1", "SRS0"),
        "SRS0=@acme.example",
        "SRS0==@acme.example",
        "SRS0====@acme.example",
        "SRS1====@acme.example",
        "SRS0=aaaaaa=!!=b.example=bob@acme.example",
        "SRS0=aaaaaa=ñé=b.example=bob@acme.example",
        "SRS0=ñ=aa=b.example=bob@acme.example",
    ],
)
def test_nothing_else_leads_anywhere(forged: str) -> None:
    with pytest.raises(NotOurs):
        back(forged)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(NotOurs):
        back(GOOD, key=b"x" * 32)


@pytest.mark.parametrize("local_part", ["srs0", "srs", "srs02=x", "bob", "xSRS0=a", ""])
def test_an_ordinary_address_is_not_taken_for_one(local_part: str) -> None:
    assert not is_srs(local_part)
