"""The story of one message from its stages: the verdict first, then by chapters what was asked and answered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from antispam.story.decision import decision_of, why_words
from antispam.story.details import Table, brief, facts_of, more_of, tables_of
from antispam.story.journey import journey_of, tls_words
from antispam.story.notes import Note, note_of
from antispam.story.proofs import dmarc_proof, one_or_none, signatures_of, spf_proofs, stations_of
from antispam.story.recipients import recipient_note
from antispam.story.sentences import as_sentence
from antispam.story.stages import DnsRow, Stage
from domains.views.words import CARE, GOOD, PLAIN, WRONG, Sign, sign_of, word_of

CALLING = ("connect", "proxy", "helo", "tls", "iprev")
METHODS = ("spf", "dkim", "dmarc", "arc")


@dataclass(slots=True)
class Chapter:
    """One part of the story. ``question`` is what the step asks, ``sentence`` its answer; ``body`` goes to a partial.

    ``lines`` are short notes of several alike stages, each with sign and time.
    """

    name: str
    title: str
    sign: Sign
    word: str
    at: datetime
    sentence: str
    question: str = ""
    template: str = ""
    body: Any = None
    facts: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    lines: list[Note] = field(default_factory=list)
    dns: list[DnsRow] = field(default_factory=list)
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """All that the page tells."""

    headline: str
    why: str
    outcome: str
    chapters: list[Chapter]

    @property
    def marks(self) -> list[Chapter]:
        """The methods' chapters and the verdict, for the line under the headline."""
        return [one for one in self.chapters if one.name in ("connect", *METHODS, "verdict")]


def tell_story(stages: Sequence[Stage], outcome: str, direction: str, recipients: int, hostname: str) -> Story:
    """Return the story of a message that took this direction and ended in this outcome."""
    told = _Teller(stages, hostname, direction).chapters()
    dmarc, verdict = one_or_none(stages, "dmarc"), one_or_none(stages, "verdict")
    why = why_words(verdict, dmarc) or _refusal_words(stages, outcome)
    return Story(headline(stages, outcome, recipients), why, outcome, told)


def headline(stages: Sequence[Stage], outcome: str, count: int) -> str:
    """Return what became of the message in one sentence."""
    refused = {stage.text("recipient") for stage in stages if stage.name == "rcpt" and stage.outcome == "refused"}
    if outcome != "refused" and 0 < len(refused) < count:
        some = _headline(stages, outcome, count - len(refused))
        beside = ngettext("%(count)d recipient was refused.", "%(count)d recipients were refused.", len(refused))
        return f"{some} {beside % {'count': len(refused)}}"
    return _headline(stages, outcome, count)


def _headline(stages: Sequence[Stage], outcome: str, count: int) -> str:
    people = ngettext("%(count)d recipient", "%(count)d recipients", count) % {"count": count}
    folders = {stage.text("folder") for stage in stages if stage.name == "delivery" and stage.outcome == "delivered"}
    if outcome == "delivered" and folders == {"Junk"}:
        return _("Delivered to Junk for %(people)s.") % {"people": people}
    sentences = {
        "delivered": _("Delivered to %(people)s."),
        "queued": _("Accepted for %(people)s; it waits to be sent."),
        "sent": _("Sent to %(people)s: the other server has taken it."),
        "deferred": _("Not sent yet to %(people)s; it is tried again."),
        "bounced": _("Not delivered to %(people)s; the sender was told."),
        "refused": _("Refused in the dialogue; the other server knows."),
        "dropped": _("Accepted, then dropped."),
        "failed": _("It failed."),
    }
    return sentences.get(outcome, word_of(outcome)) % {"people": people}


def _refusal_words(stages: Sequence[Stage], outcome: str) -> str:
    """Return the last bad stage's reason of a message that did not arrive."""
    if sign_of(outcome).tone not in ("bad", "warn"):
        return ""
    wrong = [stage for stage in stages if stage.reason and sign_of(stage.outcome).tone in ("bad", "warn")]
    return as_sentence(wrong[-1].reason) if wrong else ""


class _Teller:
    """Makes the chapters, each at the place of its first stage."""

    def __init__(self, stages: Sequence[Stage], hostname: str, direction: str) -> None:
        self.stages = stages
        self.hostname = hostname
        self.direction = direction

    def chapters(self) -> list[Chapter]:
        """Return the chapters in order, the way of the message before what was made of it."""
        made: list[Chapter] = []
        seen: set[str] = set()
        for stage in self.stages:
            group = "connect" if stage.name in CALLING else stage.name
            if group in seen:
                continue
            seen.add(group)
            chapter = self._chapter(group, [one for one in self.stages if _belongs(one, group)])
            made.append(chapter)
        return self._with_journey(made)

    def _chapter(self, group: str, stages: list[Stage]) -> Chapter:
        makers: dict[str, Callable[[list[Stage]], Chapter]] = {
            "connect": self._connect,
            "mail": self._mail,
            "rcpt": self._rcpt,
            "data": self._data,
            "spf": self._spf,
            "dkim": self._dkim,
            "dmarc": self._dmarc,
            "arc": self._arc,
            "verdict": self._verdict,
            "delivery": self._notes,
            "forward": self._notes,
            "relay": self._notes,
        }
        chapter = makers.get(group, self._plain)(stages)
        chapter.dns = list(dict.fromkeys([*chapter.dns, *(row for stage in stages for row in stage.dns)]))
        return chapter

    def _with_journey(self, chapters: list[Chapter]) -> list[Chapter]:
        journey = journey_of(self.stages, self.hostname)
        if journey is None or not self.stages:
            return chapters
        clear = [leg for leg in journey.legs if leg.encrypted is False]
        sign = WRONG if any(leg.ours for leg in clear) else CARE if clear else GOOD
        if not clear and any(leg.encrypted is None for leg in journey.legs):
            sign = PLAIN
        count = len(journey.legs)
        steps = ngettext("%(count)s step", "%(count)s steps", count) % {"count": count}
        chapter = Chapter(
            "journey",
            _("Way"),
            sign,
            steps,
            self.stages[0].at,
            journey.wire,
            _("Which way did it come, and who could read it?"),
            "antispam/story/journey.html",
            journey,
        )
        place = next((n for n, one in enumerate(chapters) if one.name in (*METHODS, "verdict", "delivery")), None)
        at = len(chapters) if place is None or self.direction == "out" else place
        return [*chapters[:at], chapter, *chapters[at:]]

    def _connect(self, stages: list[Stage]) -> Chapter:
        first = stages[0]
        helo, iprev = one_or_none(stages, "helo"), one_or_none(stages, "iprev")
        name = helo.text("name") if helo is not None else ""
        tls = first.part("tls")
        address = first.text("address")
        how = _("over %(tls)s") % {"tls": tls_words(tls).partition(" · ")[0]} if tls else _("without encryption")
        refused = next((one for one in stages if sign_of(one.outcome).tone == "bad" and one.name != "iprev"), None)
        sentence = (
            _("%(address)s called %(how)s, by the name %(name)s.") if name else _("%(address)s called %(how)s.")
        )
        words = sentence % {"address": address, "how": how, "name": name} if address else ""
        if refused is not None:
            words = f"{words} {as_sentence(refused.reason)}".strip()
        port = f" {_('port')} {first.text('port')}" if first.text("port") else ""
        facts = [(_("Address"), f"{address}{port}")] if address else []
        facts += [(_("Called itself"), name)] if name else []
        if iprev is not None:
            proven = iprev.text("name") if iprev.outcome == "pass" else ""
            facts.append((_("Name by the DNS"), proven or as_sentence(iprev.reason)))
        facts.append((_("Encryption"), tls_words(tls) or _("none")))
        proxy = one_or_none(stages, "proxy") or first
        extra = proxy.part("proxy") or (proxy.detail if proxy.name == "proxy" else {})
        told = {"address", "port", "tls", "proxy"}
        rest = {name: value for one in stages for name, value in one.detail.items() if name not in told | {"name"}}
        sign = WRONG if refused is not None else GOOD if tls else CARE
        word = word_of(refused.outcome) if refused is not None else tls_words(tls).partition(" · ")[0]
        return Chapter(
            "connect",
            _("Connection"),
            sign,
            word or _("In the clear"),
            first.at,
            words or as_sentence(first.reason),
            _("Who called, and how?"),
            facts=[*facts, *facts_of(extra), *facts_of(rest)],
            tables=tables_of(rest),
        )

    def _mail(self, stages: list[Stage]) -> Chapter:
        stage = stages[-1]
        sender = stage.text("mail_from")
        sentence = (
            _("Errors go back to %(address)s.") % {"address": sender}
            if sender
            else _("The sender is empty: a notice that nobody shall answer.")
        )
        if "mail_from" not in stage.detail:
            sentence = brief(stage)
        chapter = self._plain(stages)
        chapter.title, chapter.question = _("Envelope"), _("Whom does the envelope name as its sender?")
        chapter.sentence = f"{sentence} {as_sentence(stage.reason)}".strip() if stage.reason else sentence
        return chapter

    def _rcpt(self, stages: list[Stage]) -> Chapter:
        notes = [recipient_note(stage) for stage in stages]
        refused = [stage for stage in stages if stage.outcome == "refused"]
        taken = len(stages) - len(refused)
        sentence = ngettext("%(count)s accepted", "%(count)s accepted", taken) % {"count": taken}
        if refused:
            sentence += ", " + ngettext("%(count)s refused", "%(count)s refused", len(refused)) % {
                "count": len(refused)
            }
        sign = GOOD if not refused else WRONG if not taken else CARE
        word = word_of("accepted" if taken else "refused")
        return Chapter(
            "rcpt",
            _("Recipients"),
            sign,
            word,
            stages[0].at,
            f"{sentence}.",
            _("Where should it go, and where does that lead?"),
            lines=notes,
        )

    def _data(self, stages: list[Stage]) -> Chapter:
        chapter = self._plain([*stages])
        stage = stages[-1]
        size = stage.detail.get("size")
        chapter.facts = facts_of({name: v for name, v in stage.detail.items() if name not in ("received", "size")})
        chapter.tables, chapter.more = tables_of(stage.detail), {}
        chapter.question = _("Did the whole message come through?")
        words = _("%(size)s arrived.") % {"size": filesizeformat(size)} if isinstance(size, int) else ""
        chapter.sentence = "" if chapter.lines else f"{words} {as_sentence(stage.reason)}".strip()
        return chapter

    def _spf(self, stages: list[Stage]) -> Chapter:
        stage = stages[-1]
        connect = one_or_none(self.stages, "connect")
        names = {"domain": stage.text("domain"), "address": connect.text("address") if connect else _("the client")}
        answers = {
            "pass": _("Yes: %(domain)s lets %(address)s send in its name."),
            "fail": _("No: %(domain)s does not let %(address)s send in its name."),
            "softfail": _("Probably not: %(domain)s does not name %(address)s, but is not sure of its list."),
            "neutral": _("%(domain)s says neither yes nor no of %(address)s."),
            "none": _("%(domain)s does not say who may send in its name."),
            "temperror": _("Not known: the DNS did not answer then."),
            "permerror": _("Not known: the record of %(domain)s cannot be used."),
        }
        sentence = answers[stage.outcome] % names if stage.outcome in answers else as_sentence(stage.reason)
        proofs = spf_proofs(stage)
        if stage.outcome in ("temperror", "permerror") and proofs[0].is_folded:
            sentence = f"{sentence} {as_sentence(stage.reason)}"
        question = _("May this server send for the domain of the envelope?")
        return self._method(stage, "SPF", sentence, question, "antispam/story/spf.html", proofs)

    def _dkim(self, stages: list[Stage]) -> Chapter:
        stage = stages[-1]
        signatures = signatures_of(stage)
        good = list(dict.fromkeys(one.domain for one in signatures if one.outcome == "pass"))
        if good:
            sentence = _("Yes: signed by %(domains)s, and unchanged since.") % {"domains": ", ".join(good)}
        elif signatures:
            sentence = _("No valid signature: %(reason)s") % {"reason": signatures[0].reason}
        else:
            sentence = _("Nobody signed it.")
        question = _("Who signed it, and is it unchanged since?")
        return self._method(stage, "DKIM", sentence, question, "antispam/story/dkim.html", signatures)

    def _dmarc(self, stages: list[Stage]) -> Chapter:
        stage = stages[-1]
        proof = dmarc_proof(stage, one_or_none(self.stages, "spf"), one_or_none(self.stages, "dkim"))
        author = stage.text("author_domain")
        answers = {
            "pass": _("Yes: it is proven that it comes from %(author)s."),
            "fail": _("No: nothing that passed belongs to %(author)s, the domain that people see."),
            "none": _("Nobody asks: %(author)s publishes no policy."),
            "temperror": _("Not known: the DNS did not answer then."),
            "permerror": _("Nobody can tell whose message it is."),
        }
        sentence = answers[stage.outcome] % {"author": author} if stage.outcome in answers else ""
        if stage.outcome == "permerror" or not sentence:
            sentence = f"{sentence} {as_sentence(stage.reason)}".strip()
        if stage.outcome == "fail":
            asked = {
                "reject": _("It asks to refuse such mail."),
                "quarantine": _("It asks to treat such mail as suspicious."),
                "none": _("It asks for nothing but reports."),
            }
            sentence = f"{sentence} {asked.get(stage.text('policy'), '')}".strip()
        question = _("Does what was proven belong to the From that people see?")
        chapter = self._method(stage, "DMARC", sentence, question, "antispam/story/dmarc.html", proof)
        return chapter

    def _arc(self, stages: list[Stage]) -> Chapter:
        stage = stages[-1]
        trusted = stage.text("trusted_sealer")
        answers = {
            "none": _("No station on the way sealed what it saw."),
            "pass": _("The chain of seals holds."),
            "fail": _("The chain of seals is broken; it counts for nothing."),
        }
        sentence = answers.get(stage.outcome, "") or as_sentence(stage.reason)
        if trusted:
            sentence += " " + _("It was sealed by %(name)s, which is trusted here.") % {"name": trusted}
        elif stage.outcome == "fail" and stage.reason:
            sentence += " " + as_sentence(stage.reason)
        question = _("What did stations on the way see, and is that sealed?")
        return self._method(stage, "ARC", sentence, question, "antispam/story/arc.html", stations_of(stage))

    def _method(self, stage: Stage, title: str, sentence: str, question: str, template: str, body: Any) -> Chapter:
        word = word_of(stage.outcome)
        return Chapter(stage.name, title, sign_of(stage.outcome), word, stage.at, sentence, question, template, body)

    def _verdict(self, stages: list[Stage]) -> Chapter:
        stage = stages[-1]
        known = {
            "inbox": _("So it goes to the inbox."),
            "junk": _("So it goes to Junk, where its owner can find it."),
            "refuse": _("So it is refused, and the other server knows at once."),
        }
        sentence = known.get(stage.outcome) or as_sentence(stage.reason)
        went = {one.name for one in self.stages}
        if stage.outcome == "inbox" and "forward" in went and "delivery" not in went:
            sentence = _("So nothing holds it back: it goes on to where its address leads.")
        question = _("What follows from all this?")
        body = decision_of(stage)
        return self._method(stage, word_of("verdict"), sentence, question, "antispam/story/decision.html", body)

    def _notes(self, stages: list[Stage]) -> Chapter:
        """Several alike stages: a line each."""
        chapter = self._plain(stages)
        if stages[0].name == "relay":
            chapter.question = _("Did the other server take it?")
        elif stages[0].name == "delivery":
            chapter.question = _("Where is it now?")
        chapter.sentence, chapter.facts, chapter.tables, chapter.more = "", [], [], {}
        chapter.lines = [note_of(stage) for stage in stages]
        return chapter

    def _plain(self, stages: list[Stage]) -> Chapter:
        """What has no shape of its own: its sentence, and whatever else it tells."""
        stage = stages[-1]
        if len(stages) > 1:
            return Chapter(
                stage.name,
                word_of(stage.name),
                sign_of(stage.outcome),
                word_of(stage.outcome),
                stages[0].at,
                "",
                lines=[note_of(one) for one in stages],
            )
        return Chapter(
            stage.name,
            word_of(stage.name),
            sign_of(stage.outcome),
            word_of(stage.outcome),
            stage.at,
            as_sentence(stage.reason) or brief(stage),
            facts=facts_of(stage.detail),
            tables=tables_of(stage.detail),
            more=more_of(stage.detail),
        )


def _belongs(stage: Stage, group: str) -> bool:
    return stage.name in CALLING if group == "connect" else stage.name == group
