"""The row of the table that decided, the rows tried before it, and what the decision means in one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from antispam.story.sentences import as_sentence, told
from antispam.story.stages import Stage, as_rows, as_text
from antispam.story.table_words import ABOUT


@dataclass(frozen=True, slots=True)
class Tried:
    """One row of the table: did it fit, and why or why not."""

    name: str
    hit: bool
    why: str

    @property
    def title(self) -> str:
        """The row as the table's page calls it; its name where this release knows none."""
        return _title(self.name)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided by which row of whose table, and on which grounds."""

    disposition: str
    row: str
    owner: str
    reasons: tuple[str, ...]
    tried: tuple[Tried, ...]
    forged: int
    signs: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The row as the table's page calls it; its name where this release knows none."""
        return _title(self.row)


def _title(row: str) -> str:
    return str(ABOUT[row][0]) if row in ABOUT else row


def decision_of(stage: Stage) -> Decision:
    """Return the decision that a verdict stage tells."""
    table = stage.part("table")
    rows = as_rows(table.get("rows")) or stage.rows("table")
    forged = stage.detail.get("forged_results_removed")
    return Decision(
        disposition=stage.outcome,
        row=stage.text("row"),
        owner=as_text(table.get("owner")) or as_text(table.get("domain")),
        reasons=tuple(as_sentence(reason) for reason in stage.texts("reasons")),
        tried=tuple(_tried(row) for row in rows),
        forged=forged if isinstance(forged, int) else 0,
        signs=tuple(_signs(stage.part("signs"))),
    )


def _signs(signs: Mapping[str, Any]) -> list[str]:
    """Return what was weighed beside the results, in words."""
    known = {
        "mailing_list": _("It came through a mailing list: %(name)s."),
        "known_forwarder": _("It is signed by %(name)s, which is known to forward."),
        "trusted_sealer": _("It was sealed by %(name)s, which is trusted here."),
    }
    found = [text % {"name": as_text(signs.get(key))} for key, text in known.items() if as_text(signs.get(key))]
    if signs.get("known_network") is True:
        found.append(_("Good mail came from this network before."))
    elif signs.get("known_network") is False:
        found.append(_("No good mail is known from this network."))
    return found


def _tried(row: Mapping[str, Any]) -> Tried:
    name = as_text(row.get("row")) or as_text(row.get("name"))
    return Tried(name, row.get("hit") is True, told(as_text(row.get("why")) or as_text(row.get("reason"))))


def _no_objection(dmarc: Stage | None) -> str:
    outcome = dmarc.outcome if dmarc is not None else ""
    if outcome == "temperror":
        return _(
            "Whose message it is could not be checked: the DNS did not answer. That alone does not speak against it."
        )
    return _("Nothing speaks against it; that it comes from whom it names is not proven.")


def why_words(verdict: Stage | None, dmarc: Stage | None) -> str:
    """Return why the message went where it went, in one sentence for anybody; empty without a decision."""
    if verdict is None:
        return ""
    author = dmarc.text("author_domain") if dmarc is not None else ""
    row = verdict.text("row")
    failing = _("It says that it comes from %(author)s, and nothing proves it.") % {"author": author}
    known = {
        "dmarc-pass": _("It is proven that it comes from %(author)s.") % {"author": author},
        "dmarc-fail-quarantine": failing
        + " "
        + _("%(author)s asks to treat such mail as suspicious.") % {"author": author},
        "dmarc-fail-reject": failing + " " + _("%(author)s asks to refuse such mail.") % {"author": author},
        "dmarc-fail-reject-detour": failing
        + " "
        + _("%(author)s asks to refuse such mail, but there are signs that it took a detour on the way here.")
        % {"author": author},
        "dmarc-fail-reject-unsure": failing
        + " "
        + _("%(author)s asks to refuse such mail, but the DNS did not answer every question.") % {"author": author},
        "dmarc-temperror": _no_objection(dmarc),
        "from-unclear": _("Nobody can tell whose message it is: From does not name one author domain."),
        "dmarc-fail-none": failing + " " + _("%(author)s asks for nothing but reports.") % {"author": author},
        "no-objection": _no_objection(dmarc),
    }
    if row in known and (author or row in ("no-objection", "from-unclear", "dmarc-temperror")):
        return known[row]
    return as_sentence(verdict.reason)
