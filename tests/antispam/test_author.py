"""Whose message it is: the address that is judged is the one that mail programs show, or none."""

import email
import time
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispam.author import find_author, read_author
from mailboxes.mime.headers import read_block

CLEAR = [
    ("bob@good.example", ["good.example"], "an address alone"),
    ("Bob <bob@good.example>", ["good.example"], "a name before it"),
    ("bob@GOOD.example.", ["good.example"], "case and a final dot mean nothing"),
    ('"ceo@bank.example" <bob@good.example>', ["good.example"], "a quoted name is a name"),
    ("=?utf-8?q?ceo=40bank.example?= <bob@good.example>", ["good.example"], "an encoded word is a name"),
    ("bob@good.example (ceo@bank.example)", ["good.example"], "a comment is a comment"),
    ("(x) bob (y) @ (z) good.example", ["good.example"], "comments and blanks around the signs"),
    ("bob @ good . example", ["good.example"], "obsolete blanks (RFC 5322 section 4.4)"),
    ("<@relay.example:bob@good.example>", ["good.example"], "a source route (RFC 5322 section 4.4)"),
    ('"bob@bank.example"@good.example', ["good.example"], "a quoted local part"),
    ("a@good.example, b@good.example", ["good.example"] * 2, "two authors of one domain"),
    ("a@good.example, b@mild.example", ["good.example", "mild.example"], "two authors of two"),
    ("Team: a@good.example, b@good.example;", ["good.example"] * 2, "a group (RFC 6854)"),
    ("bob@good.example,", ["good.example"], "an empty place in the list"),
    ("Doe, John <bob@good.example>", ["good.example"], "a comma inside a name that nobody quoted"),
    ("\r\n bob@good.example", ["good.example"], "a folded line"),
    ("info@good.example <info@good.example>", ["good.example"], "the address as its own name"),
    ("info@good.example <noreply@good.example>", ["good.example"], "another address of the same domain"),
    ("bob@müller.example", ["xn--mller-kva.example"], "letters that are not ASCII"),
    ("bob@gооd.example", ["xn--gd-fmca.example"], "Cyrillic letters are another name, and judged as such"),
    ('"a \\" <ceo@bank.example>" <bob@good.example>', ["good.example"], "a quotation mark inside the name"),
]
UNCLEAR = [
    ("", "nothing"),
    ("bob", "no domain"),
    ("<>", "the null path"),
    ("@good.example", "no local part"),
    ("undisclosed:;", "a group of nobody"),
    ("bob@[192.0.2.1]", "an address literal has no domain owner"),
    ("bob@good.example ceo@bank.example", "two that nothing separates"),
    ("ceo@bank.example bob@good.example", "the other way round"),
    ("bob@good.example; ceo@bank.example", "a semicolon as some programs write it"),
    ("bob@good.example@bank.example", "two domains"),
    ("<bob@good.example> <ceo@bank.example>", "two in brackets"),
    ("Bob <bob@good.example> ceo@bank.example", "something after it"),
    ("ceo@bank.example <bob@good.example>", "shows one and names another"),
    ("Bob <bob@good.example", "never closed"),
    ("bob@good.example>", "never opened"),
    ('"Bob <bob@good.example>', "a quotation mark that never ends"),
    ("(Bob <bob@good.example>", "a comment that never ends"),
    ("bob@good.example\tx", "a blank inside the domain"),
    (
        "=?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?=@good.example",
        "an encoded word as local part: some readers show it alone",
    ),
    ("<=?utf-8?Q?ceo=40bank.example=3E=00?=@good.example>", "the same in brackets, cut by a NUL where it is decoded"),
    ("<ceo@bank.example>:bob@good.example;", "an address where the name of a group stands"),
    ("Ceo <ceo@bank.example>: bob@good.example;", "the same with a name"),
    ("@bank.example:bob@good.example", "a source route without brackets"),
    ("=?utf-8?q?bob=40bank.example?=", "an encoded word is no address"),
    ("bob@=?utf-8?q?bank.example?=", "nor is it a domain"),
    ("bob@good..example", "an empty label"),
    ("=?utf-8?q?ceo=40bank.example?=, Bob <bob@good.example>", "an encoded word in the place of an address"),
    ("ceo@bank.example .good.example", "a domain cut by a blank: a reader stops at what is a name already"),
    ("ceo@bank.example. good.example", "cut behind the dot"),
    ("<ceo@bank.example\r\n .good.example>", "cut by folding"),
    ("ceo@bank.example(x).good.example", "cut by a comment"),
    ("ceo@bank.example\0@good.example", "NUL ends a text in C"),
    ("ceo@bank.example\0.good.example", "NUL in a domain"),
    ("<@bank.example>", "no local part in brackets"),
    (",".join(["a@good.example"] * 1000) + ",ceo@bank.example", "one behind all that are read"),
]


@pytest.mark.parametrize(("value", "domains", "why"), CLEAR, ids=[row[-1] for row in CLEAR])
def test_an_author_that_everybody_reads_alike(value, domains, why):
    found = find_author([value.encode()])
    assert (list(found.domains), found.problem) == (domains, "")


@pytest.mark.parametrize(("value", "why"), UNCLEAR, ids=[row[-1] for row in UNCLEAR])
def test_an_author_whom_readers_may_see_differently(value, why):
    assert find_author([value.encode()]).problem


def test_none_and_several_are_no_author():
    assert find_author([]).problem == "there is no From"
    assert find_author([b"a@good.example", b"a@good.example"]).problem == "there are 2 From fields"


@given(st.lists(st.sampled_from([*'<>@,;:()"\\ .', "bob", "good.example", "bank.example", "\r\n "]), max_size=12))
def test_a_clear_author_is_the_one_that_pythons_parser_sees(parts):
    """Where we see one address, another reader sees no other domain."""
    value = "".join(parts).strip()
    found = find_author([value.encode()])
    if found.problem or len(set(found.domains)) != 1:
        return
    message = email.message_from_string(f"From: {value}\r\n\r\n")
    seen = {
        address.rpartition("@")[2].lower() for _, address in getaddresses([str(message["From"])]) if "@" in address
    }
    assert seen <= {found.domains[0], ""}, (value, found, seen)


@pytest.mark.parametrize(
    "value",
    [
        *(sign * 60_000 for sign in (b" ", b"@", b"(", b"<", b"x")),
        *(pair * 30_000 for pair in (b"a@", b". ", b"=?")),
        b'"' + b"\\" * 60_000,
        b"a@b.example," * 5_000,
        b"@a,:" * 15_000,
        b"x@y " * 15_000,
    ],
)
def test_any_from_is_read_in_linear_time(value):
    began = time.process_time()
    find_author([value])
    read_author(read_block(b"From: =?" + value + b" <a@good.example>\r\n\r\n"))
    assert time.process_time() - began < 1.0


UNREAD = [
    ("From: " + "x" * 70_000 + " <ceo@bank.example>\r\nFrom: a@good.example", "a long From above a short one"),
    ("X: y\r\n" * 1100 + "From: a@good.example", "a From beyond what is read"),
    ("From: a@good.example\r\n" + "X: y\r\n" * 1100 + "From: ceo@bank.example", "a second one beyond it"),
    ("Sender: a@good.example", "Sender without From"),
    ("From\r\n : ceo@bank.example\r\nFrom: a@good.example", "a second one with a folded name"),
    ("From: a@good.example\r\nFROM\r\n\t\r\n\t: ceo@bank.example", "the same below, folded twice"),
    (" From: ceo@bank.example\r\nFrom: a@good.example", "a first line that continues what is put above it"),
]


@pytest.mark.parametrize(("header", "why"), UNREAD, ids=[row[-1] for row in UNREAD])
def test_a_from_that_is_not_read_whole_names_nobody(header, why):
    assert read_author(read_block(f"{header}\r\n\r\nbody\r\n".encode())).problem


SHOWN = [
    ('"ceo@bank.example" <a@good.example>', "a quoted name"),
    ("=?utf-8?q?ceo=40bank.example?= <a@good.example>", "an encoded one"),
    ("=?utf-8?b?PGNlb0BiYW5rLmV4YW1wbGU+?= <a@good.example>", "with brackets"),
    ("a@good.example (ceo@bank.example)", "a comment"),
]


@pytest.mark.parametrize(("value", "why"), SHOWN, ids=[row[-1] for row in SHOWN])
def test_another_address_in_the_name_is_evidence_only(value, why):
    found = read_author(read_block(f"From: {value}\r\n\r\nbody\r\n".encode()))
    assert (found.domains, found.problem, found.shown) == (["good.example"], "", ["ceo@bank.example"])


@pytest.mark.parametrize(
    "value", ["A <a@good.example>", '"a@good.example" <b@good.example>', "=?utf-8?q?a?= <a@good.example>"]
)
def test_an_ordinary_name_is_no_evidence(value):
    assert read_author(read_block(f"From: {value}\r\n\r\nbody\r\n".encode())).shown in ((), [])
