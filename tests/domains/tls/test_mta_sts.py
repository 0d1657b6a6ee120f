"""MTA-STS policies and records: the RFC's examples, what comes back, and what is refused (RFC 8461)."""

import pytest

from domains.tls.mta_sts import (
    BadPolicy,
    Policy,
    PolicyMode,
    is_record,
    parse_policy,
    parse_record,
    policy_id,
    serialise_policy,
    serialise_record,
)

EXAMPLE = (
    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
    "mx: backupmx.example.com\r\nmax_age: 604800\r\n"
)
ENFORCE = Policy(PolicyMode.ENFORCE, ("mail.example.com", "*.example.net", "backupmx.example.com"), 604800)


def test_the_example_of_section_3_2():
    assert parse_policy(EXAMPLE) == ENFORCE
    assert serialise_policy(ENFORCE) == EXAMPLE
    assert parse_policy(EXAMPLE.replace("\r\n", "\n")) == ENFORCE
    assert parse_policy(EXAMPLE.removesuffix("\r\n")) == ENFORCE


@pytest.mark.parametrize("mode", PolicyMode)
@pytest.mark.parametrize("age", [0, 86400, 31557600])
def test_what_is_written_is_what_is_read(mode, age):
    policy = Policy(mode, ("mail.acme.example",), age)
    assert parse_policy(serialise_policy(policy)) == policy
    assert parse_record(serialise_record(policy)) == policy_id(policy)


ACCEPTED = [
    ("version: STSv1\nmode: none\nmax_age: 1", Policy(PolicyMode.NONE, (), 1), "none needs no mx"),
    ("version:STSv1\nmode:none\nmax_age:1\n", Policy(PolicyMode.NONE, (), 1), "no space after the colon"),
    ("max_age: 1\nmode: none\nversion: STSv1\n", Policy(PolicyMode.NONE, (), 1), "any order"),
    ("version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\n", Policy(PolicyMode.NONE, (), 1), "the first counts"),
    ("version: STSv1\nmode: none\nmax_age: 1\nfuture: x: y\n", Policy(PolicyMode.NONE, (), 1), "an unknown key"),
    ("version: STSv1\nmode: testing\nmx: MAIL.a.example\nmax_age: 1\n",
     Policy(PolicyMode.TESTING, ("mail.a.example",), 1), "capitals"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "policy", "why"), ACCEPTED, ids=[row[2] for row in ACCEPTED])
def test_what_is_accepted(text, policy, why):
    assert parse_policy(text) == policy


REFUSED = [
    ("", "nothing"),
    ("version: STSv2\nmode: none\nmax_age: 1\n", "another version"),
    ("mode: none\nmax_age: 1\n", "no version"),
    ("version: STSv1\nmax_age: 1\n", "no mode"),
    ("version: STSv1\nmode: strict\nmax_age: 1\n", "an unknown mode"),
    ("version: STSv1\nmode: none\n", "no age"),
    ("version: STSv1\nmode: none\nmax_age: -1\n", "an age below zero"),
    ("version: STSv1\nmode: none\nmax_age: 31557601\n", "an age over a year"),
    ("version: STSv1\nmode: none\nmax_age: " + "9" * 5000 + "\n", "an age without end"),
    ("version: STSv1\nmode: none\nmax_age: ٣\n", "another script's digits"),
    ("version: STSv1\nmode: enforce\nmax_age: 1\n", "enforce without mx"),
    ("version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n", "no host name"),
    ("version: STSv1\nmode: enforce\nmx: *.*.example\nmax_age: 1\n", "two wildcards"),
    ("version: STSv1\nmode: enforce\nmx: mail.example\0\nmax_age: 1\n", "NUL"),
    ("version: STSv1\n\nmode: none\nmax_age: 1\n", "an empty line"),
    ("<html>404</html>", "a web page"),
    ("version: STSv1\nmode: enforce\n" + "mx: a.example\n" * 101 + "max_age: 1\n", "too many hosts"),
    ("version: STSv1\nmode: none\nmax_age: 1\nx: " + "y" * 70000, "too long"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_is_refused(text, why):
    with pytest.raises(BadPolicy):
        parse_policy(text)


def test_the_id_changes_exactly_with_the_policy():
    base = Policy(PolicyMode.TESTING, ("mail.acme.example",), 86400)
    others = [
        Policy(PolicyMode.ENFORCE, ("mail.acme.example",), 86400),
        Policy(PolicyMode.TESTING, ("new.acme.example",), 86400),
        Policy(PolicyMode.TESTING, ("mail.acme.example",), 604800),
    ]
    assert len({policy_id(policy) for policy in [base, *others]}) == 4
    assert policy_id(base) == policy_id(Policy(PolicyMode.TESTING, ("mail.acme.example",), 86400))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        ("v=STSv1;id=1", "1"),
        ("v=STSv1; x=y; id=1;", "1"),
        ("v=STSv1;", None),
        ("v=STSv1; id=;", None),
        ("v=STSv1; id=1; id=2;", None),
        ("v=STSv1; id=a-b;", None),
        ("v=STSv1; id=" + "a" * 33, None),
        ("id=1; v=STSv1", None),
    ],
)
def test_records(text, found):
    if found is None:
        with pytest.raises(BadPolicy):
            parse_record(text)
    else:
        assert parse_record(text) == found
        assert is_record(text)
