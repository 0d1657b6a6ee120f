"""The story of a message: a table of situations, in both languages, with hostile strings in every place."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from antispam.story.chapters import Story, tell_story
from antispam.story.journey import journey_of
from antispam.story.owner import tell_owner
from antispam.story.picture import Identity, draw
from antispam.story.proofs import stations_of
from antispam.story.sentences import told
from antispam.story.stages import Stage, read_stages
from antispam.story.tags import key_tags, signature_tags
from antispam.story.tree import Term, grow
from domains.dns.port import Answer, DnsStatus
from domains.trace import Event, MessageTrace
from tests.antispam.story_samples import CLIENT, HOST, HOSTILE, OWN, SAMPLES, TLS, Sample, trace_of


def story_of(trace: MessageTrace) -> Story:
    return tell_story(read_stages(trace.events), trace.outcome, trace.direction, len(trace.recipients), HOST)


def shown(story: Story) -> str:
    """Return what the page shows of a story."""
    chapters = [render_to_string("antispam/story/chapter.html", {"chapter": one}) for one in story.chapters]
    return f"{story.headline} {story.why} " + "".join(chapters)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_the_page_says_what_happened(sample: Sample) -> None:
    trace = await trace_of(sample)
    text = re.sub(r"\s+", " ", shown(story_of(trace)))
    for sentence in (*sample.says, "called"):
        assert sentence in text, sentence
    assert "<script>" not in text
    assert "<img" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_every_sentence_of_ours_is_french_in_french(sample: Sample) -> None:
    trace = await trace_of(sample)
    with translation.override("fr"):
        english = [text for text in _sentences(trace.events) if text and told(text) == text]
    assert english == []


def _sentences(events: list[Event]) -> Iterator[str]:
    for event in events:
        yield event.reason
        for key in ("steps", "signatures", "alignments"):
            for row in event.detail.get(key, ()):
                note = str(row.get("note", row.get("reason", "")))
                if " " in note:  # a single word is a name that was asked for
                    yield note
        yield from event.detail.get("reasons", ())


def test_a_word_of_a_remote_stays_as_it_is() -> None:
    with translation.override("fr"):
        assert told("550 5.1.1 nobody here") == "550 5.1.1 nobody here"
        assert told("x" * 5000) == "x" * 5000
        reply = "The owner of bank.example asks receivers to refuse mail that fails; this does."
        assert told(reply) == reply
        both = told("the signature has expired; no key is known")
        assert both == "the signature has expired; no key is known"


def make_stage(name: str, outcome: str, reason: str = "", /, **detail: Any) -> Stage:
    return read_stages([Event(name, outcome, reason, detail)])[0]


CONNECTED = make_stage("connect", "accepted", address=CLIENT, port=4, tls={})

# stages beside the connection, direction, outcome, what the page says, why
OTHERS: list[tuple[list[Stage], str, str, list[str], str]] = [
    (
        [make_stage("rcpt", "refused", "No such mailbox", recipient="x@acme.example", reply="550 5.1.1 No such")],
        "in",
        "refused",
        ["Refused in the dialogue", "550 5.1.1 No such", "0 accepted, 1 refused."],
        "refused at RCPT",
    ),
    (
        [make_stage("connect", "refused", "Too many connections", address=CLIENT, reply="421 4.7.0 Too many")],
        "in",
        "refused",
        ["Too many connections."],
        "refused before anything was said",
    ),
    (
        [
            make_stage(
                "rcpt",
                "accepted",
                recipient="sales@acme.example",
                to=["zoe@remote.example"],
                steps=[
                    {"address": "sales@acme.example", "is": "alias", "through": ["subaddress"], "to": ["z@r.example"]}
                ],
            )
        ],
        "in",
        "queued",
        [
            "sales@acme.example → zoe@remote.example",
            "it waits to be sent",
            "an alias, with a subaddress → z@r.example",
        ],
        "forwarded",
    ),
    (
        [
            make_stage("auth", "accepted", "a@acme.example signed in.", username="a@acme.example", tls=dict(TLS)),
            make_stage(
                "relay",
                "sent",
                "mx.remote.example[192.0.2.9] accepted the message: 250 ok",
                remote="mx.remote.example[192.0.2.9]",
                tls={"version": "TLSv1.3", "peer": "unverified"},
            ),
        ],
        "out",
        "sent",
        ["Sent to 1 recipient", "certificate not checked", "signed in with a password"],
        "outbound",
    ),
    (
        [make_stage("iprev", "pass", "", name="mx.remote.example")],
        "in",
        "delivered",
        ["mx.remote.example", "name proven by the DNS"],
        "the client's name is proven",
    ),
    (
        [
            make_stage("data", "accepted", size=900, received=["from a.example by b.example with ESMTP"]),
            make_stage("dmarc", "fail", author_domain="shop.example", policy="reject"),
            make_stage("verdict", "refuse", "By the row dmarc-fail-reject.", row="dmarc-fail-reject"),
            make_stage("data", "refused", "This message is not accepted", reply="550 5.7.1 This message is not"),
        ],
        "in",
        "refused",
        ["shop.example asks to refuse such mail.", "So it is refused", "This message is not accepted."],
        "refused by the verdict, after the message",
    ),
    ([make_stage("greylist", "deferred", "Come back later.", minutes=5)], "in", "deferred", ["5"], "not known yet"),
]


@pytest.mark.parametrize(("stages", "direction", "outcome", "says", "why"), OTHERS)
def test_other_ends_are_told_too(
    stages: list[Stage], direction: str, outcome: str, says: list[str], why: str
) -> None:
    first = [CONNECTED] if direction == "in" else []
    text = re.sub(r"\s+", " ", shown(tell_story([*first, *stages], outcome, direction, 1, HOST)))
    for sentence in says:
        assert sentence in text, why


def test_every_shape_of_a_detail_is_shown() -> None:
    odd: list[Any] = [None, 1, "x", [], {}, [None], [{"a": {"b": 1}}], {"a": [HOSTILE]}, HOSTILE]
    names = ("connect", "proxy", "helo", "iprev", "mail", "rcpt", "data", "spf", "dkim", "dmarc", "arc", "verdict")
    keys = (
        "steps",
        "signatures",
        "alignments",
        "sets",
        "table",
        "reasons",
        "tls",
        "helo",
        "received",
        "to",
        "domain",
    )
    for value in odd:
        stages = [make_stage(name, "pass", "", **dict.fromkeys(keys, value)) for name in (*names, "delivery")]
        text = shown(tell_story(stages, "delivered", "in", 1, HOST))
        assert "<script>" not in text


def test_silence_is_told_once_and_finds_no_organizational_domain() -> None:
    silent = "the DNS did not answer about mail.bank.example TXT"
    names = {"organizational_domain": "mail.bank.example", "psl_organizational_domain": "bank.example"}
    spf = Event("spf", "temperror", silent, {"domain": "mail.bank.example", "steps": []})
    page = shown(make_trace(spf, recipients=1, outcome="delivered"))
    assert len(re.findall("did not answer about", page)) == 1
    for outcome, noted in (("temperror", False), ("fail", True)):
        dmarc = Event("dmarc", outcome, "", {"author_domain": "mail.bank.example", **names})
        page = shown(make_trace(dmarc, recipients=1, outcome="delivered"))
        assert ("Public Suffix List" in page) is noted


def test_why_the_dns_had_no_answer_is_told() -> None:
    large = Answer(
        "bank.example", "TXT", DnsStatus.TEMPFAIL, reason="192.0.2.53:53: no answer in time", server="192.0.2.53:53"
    )
    event = Event("spf", "temperror", "", {"domain": "bank.example"}, dns=[large.as_trace()])
    with translation.override("fr"):
        page = shown(make_trace(event, recipients=1, outcome="delivered"))
    assert "pas de réponse à temps" in page
    assert "192.0.2.53" not in page


def test_includes_hang_below_their_term_and_an_unfinished_one_is_marked() -> None:
    steps = [
        Term(2, "c", "ip4:1", False),
        Term(1, "b", "include:c", False),
        Term(1, "b", "a", True),
        Term(0, "a", "include:b", True),
    ]
    (root,) = grow(steps)
    assert [child.text for child in root.children] == ["include:c", "a"]
    assert [child.text for child in root.children[0].children] == ["ip4:1"]
    (stopped,) = grow(steps[:2])
    assert stopped.unfinished
    assert stopped.children[0].text == "include:c"


@pytest.mark.parametrize("count", range(6))
def test_the_picture_stays_within_its_frame(count: int) -> None:
    name = "a-very-long-name." * 14 + "example"
    identities = [Identity("DKIM", f"{n}.{name}", "agrees", "agrees (relaxed)") for n in range(count)]
    for picture in draw(name, "From", identities):
        assert len(picture.boxes) == count + 1
        assert len(picture.lines) == count
        for box in picture.boxes:
            assert 0 <= box.x <= box.x + box.width <= picture.width
            assert box.y + box.height <= picture.height
            assert len(box.text) * 7.9 <= box.width


def test_what_others_claim_is_kept_apart_from_what_was_seen() -> None:
    received = ["from a.example by b.example with ESMTPS; Mon, 01 Jun 2026 10:00:00 +0000", "by a.example with ESMTP"]
    journey = journey_of([CONNECTED, make_stage("data", "accepted", received=received)], HOST)
    assert journey is not None
    assert [(leg.receiver, leg.ours, leg.encrypted) for leg in journey.legs] == [
        ("a.example", False, False),
        ("b.example", False, True),
        (HOST, True, False),
    ]
    assert journey.servers == ("a.example", "b.example", CLIENT, HOST)
    assert CLIENT in journey.wire


def test_the_chain_of_seals_is_told_in_its_order() -> None:
    sets = [
        {"instance": 2, "domain": "two.example", "cv": "pass", "seal": "pass"},
        {"instance": 1, "domain": "one.example", "cv": "none", "seal": "pass"},
    ]
    stage = make_stage("arc", "pass", "", sets=sets, trusted_sealer="two.example")
    assert [(one.domain, one.trusted) for one in stations_of(stage)] == [
        ("one.example", False),
        ("two.example", True),
    ]


def test_each_tag_is_explained_and_a_weak_one_marked() -> None:
    tags = signature_tags({"v": "1", "a": "rsa-sha1", "l": "10", "t": "1780308000", "h": "from:from:to", "y": "?"})
    assert {tag.name: tag.care for tag in tags} == {
        "v": False, "a": True, "l": True, "t": False, "h": True, "y": False,
    }  # fmt: skip
    assert "2026" in next(tag.meaning for tag in tags if tag.name == "t")
    assert [tag.name for tag in tags] == ["v", "a", "t", "h", "l", "y"]
    assert key_tags("v=DKIM1; p=")[1].care
    assert all(tag.meaning for tag in signature_tags(dict.fromkeys("vabbhcdhilqstxz", "9" * 40)))


# ---- The owner's short form -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "headline", "why"),
    [
        ("fail", "It was delivered to Junk.", "nothing proves it"),
        ("pass", "It was delivered to your inbox.", "It is proven that it comes from shop.example."),
    ],
)
async def test_the_owner_reads_where_it_is_and_why(name: str, headline: str, why: str) -> None:
    trace = await trace_of(next(sample for sample in SAMPLES if sample.name == name))
    story = tell_owner(read_stages(trace.events), "delivered", "in", [OWN, "bob@acme.example"], OWN, False, HOST)
    assert story.headline == headline
    assert why in story.why
    assert story.recipients == (OWN,)
    assert bool(story.advice) is (name == "fail")


async def test_the_owner_sees_nothing_of_others() -> None:
    trace = await trace_of(SAMPLES[0])
    trace.add("rcpt", "refused", "bob is full", {"recipient": "bob@acme.example", "reply": "552 full"})
    trace.add("delivery", "delivered", "", {"recipient": "carol@acme.example", "folder": "Private"})
    story = tell_owner(read_stages(trace.events), "delivered", "in", [OWN, "bob@acme.example"], OWN, False, HOST)
    text = repr(story)
    for secret in ("bob", "carol", "Private", "dmarc-pass", "552"):
        assert secret not in text


def make_trace(*events: Event, recipients: int, outcome: str) -> Story:
    return tell_story(read_stages(list(events)), outcome, "in", recipients, HOST)


def test_a_refused_recipient_is_not_counted_among_those_who_have_it() -> None:
    refused = Event("rcpt", "refused", "", {"recipient": "nobody@acme.example", "reply": "550 5.1.1 No"})
    taken = [Event("rcpt", "accepted", "", {"recipient": f"{name}@acme.example"}) for name in ("a", "b")]
    story = make_trace(refused, *taken, recipients=3, outcome="delivered")
    assert story.headline == "Delivered to 2 recipients. 1 recipient was refused."
    assert make_trace(refused, recipients=1, outcome="refused").headline.startswith("Refused")


def test_what_only_goes_on_is_not_said_to_go_to_the_inbox() -> None:
    verdict = Event("verdict", "inbox", "By the row dmarc-pass.", {"row": "dmarc-pass"})
    forward = Event("forward", "queued", "To be forwarded to pal@out.example.")
    text = shown(make_trace(verdict, forward, recipients=1, outcome="queued"))
    assert "So nothing holds it back" in text
    assert "inbox." not in text


def test_the_line_of_the_table_is_called_as_its_page_calls_it() -> None:
    detail = {"row": "dmarc-fail-reject", "table": {"domain": "acme.example", "rows": []}}
    text = shown(make_trace(Event("verdict", "refuse", "", detail), recipients=1, outcome="refused"))
    title = "DMARC fails under p=reject, and nothing speaks for it"
    assert f"By the line “{title}” of the table of acme.example." in text


@pytest.mark.parametrize(
    "sentence",
    [
        "Handed on under an ARC seal of acme.example.",
        "4.4.1 mx.out.example[192.0.2.1] could not be reached: refused. It will be tried again.",
        "550 5.1.1 No such user. It is given up.",
    ],
)
def test_what_became_of_a_forward_is_told_in_french(sentence: str) -> None:
    with translation.override("fr"):
        assert told(sentence) != sentence


def test_why_a_message_was_refused_after_it_came_is_said_once() -> None:
    came, refused = Event("data", "accepted", "", {"size": 124}), Event("data", "refused", "It fails DMARC.", {})
    assert shown(make_trace(came, refused, recipients=1, outcome="refused")).count("It fails DMARC.</span>") == 1
    story = make_trace(came, refused, recipients=1, outcome="refused")
    assert [one.sentence for one in story.chapters if one.name == "data"] == [""]


def test_the_owner_reads_that_a_message_was_refused_though_the_address_was_taken() -> None:
    events = [
        Event("rcpt", "accepted", "", {"recipient": OWN}),
        Event("dmarc", "fail", "", {"author_domain": "bank.example"}),
        Event("verdict", "refuse", "", {"row": "dmarc-fail-reject"}),
        Event("data", "refused", "It fails DMARC.", {}),
    ]
    story = tell_owner(read_stages(events), "refused", "in", [OWN], OWN, False, HOST)
    assert (story.outcome, story.headline) == ("refused", "It was refused; its sender was told at once.")
    assert "nothing proves it" in story.why
    assert story.advice
