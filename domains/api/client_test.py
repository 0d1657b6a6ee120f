"""``/domains/{name}/client-test``: what mail programs find when they set themselves up."""

from typing import Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from domains.api.act import act_of
from domains.services.client_steps import Step
from domains.services.client_test import ClientResult, Server, run_client_test
from domains.views.client_words import sentence_of

router = Router(tags=["domains"])


class ClientTestRequest(Schema):
    """Whose set-up is tried."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"address": "alice@acme.example"}]})
    address: str = Field(
        default="",
        max_length=320,
        description="An address of the domain; postmaster when left out. It need not exist.",
    )


class ClientStep(Schema):
    """One thing that the program asks."""

    asked: str = Field(description="The request or the DNS question.", examples=["SRV _imaps._tcp.acme.example"])
    outcome: Literal["taken", "onward", "absent", "fault"] = Field(
        description="taken: it has what it looks for; onward: it is led on; absent, fault: it goes on without."
    )
    code: str = Field(description="What it makes of the answer, in one word that stays the same.")
    message: str = Field(description="The same as a sentence.")
    answer: str = Field(description="The answer in short; empty for none.")
    address: str = Field(description="The address that was connected to; empty for none.")


class ClientSetting(Schema):
    """One server that the program finds, and what it did when it was called."""

    protocol: Literal["imap", "pop3", "smtp"] = Field(description="What it speaks.")
    host: str = Field(description="Its name.")
    port: int = Field(description="Its port.")
    security: Literal["tls", "starttls", "plain"] = Field(description="How the connection is protected.")
    username: str = Field(description="The user name that the program signs in with.")
    used: bool = Field(description="The program uses this one, not another of the same way.")
    ours: bool = Field(description="It is a server that this installation offers.")
    works: bool = Field(description="It greeted, with a right certificate and as its protocol says.")
    fault: str = Field(description="Why it does not work; empty when it does.")
    address: str = Field(description="The address that was connected to; empty for none.")
    greeting: str = Field(description="The server's greeting.")
    tls_version: str = Field(description="The version of TLS; empty without TLS.")
    certificate_names: list[str] = Field(description="The names of its certificate.")
    capabilities: list[str] = Field(description="What it says it can.")


class ClientSetUp(Schema):
    """What one program finds."""

    client: Literal["thunderbird", "outlook", "apple"] = Field(description="The program.")
    ok: bool = Field(description="It sets itself up, and the servers it uses work.")
    steps: list[ClientStep] = Field(description="What it asks, in its order.")
    settings: list[ClientSetting] = Field(description="The servers it finds, in their order.")


class ClientTest(Schema):
    """What every program finds."""

    address: str = Field(description="The address that was set up.")
    clients: list[ClientSetUp] = Field(description="One for each program.")


def _step(step: Step) -> ClientStep:
    return ClientStep(
        asked=step.asked,
        outcome=step.outcome.value,
        code=step.meaning.value,
        message=sentence_of(step),
        answer=step.answer,
        address=step.address,
    )


def _setting(server: Server) -> ClientSetting:
    setting, probed = server.setting, server.probed
    return ClientSetting(
        protocol=setting.protocol,
        host=setting.host,
        port=setting.port,
        security=setting.security.value,
        username=setting.username,
        used=server.chosen,
        ours=server.ours,
        works=not probed.fault,
        fault=probed.fault,
        address=probed.address,
        greeting=probed.greeting,
        tls_version=probed.tls_version,
        certificate_names=list(probed.names),
        capabilities=list(probed.capabilities),
    )


def _client(result: ClientResult) -> ClientSetUp:
    return ClientSetUp(
        client=result.client,
        ok=result.ok,
        steps=[_step(step) for step in result.steps],
        settings=[_setting(server) for server in result.servers],
    )


@router.post("/domains/{name}/client-test", response=ClientTest, summary="Test how mail programs set themselves up")
def test_clients(request: HttpRequest, name: str, payload: ClientTestRequest) -> ClientTest:
    """Ask what Thunderbird, Outlook and Apple's programs ask, then call the servers they find. Nobody signs in.

    One at a time and 120 an hour for each administrator, then 429.
    """
    test = run_client_test(act_of(request), name, payload.address)
    return ClientTest(address=test.address, clients=[_client(result) for result in test.results])
