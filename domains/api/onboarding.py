"""``/domains/{name}/steps`` and ``/preflight``: how far a domain is, and whether its MX may move."""

from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from domains.api.act import act_of
from domains.api.paging import Listing, PageQuery, paginate_list
from domains.services.guiding import facts_about
from domains.services.onboarding import Step, steps_of
from domains.services.preflight import Check, preflight
from domains.services.provision import get_domain_for
from domains.times import instant

router = Router(tags=["domains"])


class SetUpStep(Schema):
    """One step from a new domain to everything green."""

    step: Literal["prove", "mailbox", "publish", "sign", "ready", "move", "test", "programs", "tighten"] = Field(
        description="What the step is about."
    )
    state: Literal["done", "next", "waiting", "ahead", "later"] = Field(
        description="At most one is `next`, or `waiting` when the DNS has to catch up; `later` is a choice."
    )
    until: str | None = Field(description="When the wait is over at the latest, where that is known.")


class PreflightCheck(Schema):
    """One thing that must be so before other servers are told to deliver here."""

    name: str = Field(description="What was looked at.", examples=["listener"])
    status: Literal["pass", "warning", "fail"] = Field(description="A domain with a `fail` is not ready.")
    text: str = Field(description="What was found, and what to do.")


def _step(step: Step) -> SetUpStep:
    return SetUpStep(step=step.stage.value, state=step.standing.value, until=instant(step.until))


def _check(check: Check) -> PreflightCheck:
    return PreflightCheck(name=check.name, status=check.status.value, text=check.text)


@router.get("/domains/{name}/steps", response=Listing[SetUpStep], summary="How far the set-up is")
def list_steps(request: HttpRequest, name: str, page: PageQuery) -> Listing[SetUpStep]:
    """List the steps of a domain by its last check; nothing is looked up."""
    domain = get_domain_for(act_of(request), name)
    return paginate_list(steps_of(facts_about(domain)), page, _step)


@router.post("/domains/{name}/preflight", response=Listing[PreflightCheck], summary="Ready to move MX?")
def check_preflight(request: HttpRequest, name: str, page: PageQuery) -> Listing[PreflightCheck]:
    """Look at what must be so before the MX record leads here, and list what was found; nothing is changed."""
    return paginate_list(preflight(act_of(request), name), page, _check)
