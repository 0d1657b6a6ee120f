"""Parameters of MAIL and RCPT at the MX: what is offered is read exactly, what is not is refused by name."""

import pytest

from mailboxes.smtp.parameters import decode_xtext
from mailboxes.smtp.server import SmtpService
from tests.mailboxes.smtp_peer import Recorder, connected, event_loop_policy, feed  # noqa: F401

MAIL = [
    ("RET=HDRS", "250"),
    ("RET=full ENVID=QQ314159", "250"),
    ("ENVID=a+2Bb+3D", "250"),
    ("RET=ALL", "501 5.5.4"),
    ("RET", "501 5.5.4"),
    ("ENVID=", "501 5.5.4"),
    ("ENVID=a+2b", "501 5.5.4"),
    ("ENVID=a+GG", "501 5.5.4"),
    ("ENVID=a+", "501 5.5.4"),
    (f"ENVID={'x' * 101}", "501 5.5.4"),
    ("RET=HDRS RET=FULL", "501 5.5.4"),
    ("BODY=BINARYMIME", "501 5.5.4"),
    ("REQUIRETLS", "555 5.5.4"),
    ("SMTPUTF8=1", "501 5.5.4"),
    ("FUTURERELEASE=1", "555 5.5.4"),
    ("AUTH=<>", "555 5.5.4"),
]
RCPT = [
    ("NOTIFY=NEVER", "250"),
    ("NOTIFY=SUCCESS,FAILURE,DELAY", "250"),
    ("notify=failure", "250"),
    ("ORCPT=rfc822;bob@y.example", "250"),
    ("ORCPT=utf-8;b+7Eb@y.example NOTIFY=DELAY", "250"),
    ("NOTIFY=", "501 5.5.4"),
    ("NOTIFY=ALWAYS", "501 5.5.4"),
    ("NOTIFY=NEVER,FAILURE", "501 5.5.4"),
    ("NOTIFY=FAILURE,FAILURE", "501 5.5.4"),
    ("ORCPT=bob@y.example", "501 5.5.4"),
    ("ORCPT=;bob@y.example", "501 5.5.4"),
    ("ORCPT=rfc822;", "501 5.5.4"),
    ("ORCPT=rfc822;a+0d+0aX", "501 5.5.4"),
    (f"ORCPT=rfc822;{'x' * 501}", "501 5.5.4"),
    ("SIZE=1", "555 5.5.4"),
]


@pytest.mark.parametrize(("parameters", "answer"), MAIL)
async def test_after_mail(parameters, answer):
    async with connected(SmtpService("mx", "mx.example", Recorder())) as client:
        await client.hello()
        assert (await client.say(f"MAIL FROM:<a@x.example> {parameters}")).startswith(answer)


@pytest.mark.parametrize(("parameters", "answer"), RCPT)
async def test_after_rcpt(parameters, answer):
    async with connected(SmtpService("mx", "mx.example", Recorder())) as client:
        await client.hello()
        await client.say("MAIL FROM:<a@x.example>")
        assert (await client.say(f"RCPT TO:<b@y.example> {parameters}")).startswith(answer)


async def test_parameters_need_ehlo():
    octets = b"HELO c.example\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example> NOTIFY=NEVER\r\nQUIT\r\n"
    assert b"501 5.5.4 Parameters need EHLO" in await feed(SmtpService("mx", "mx.example", Recorder()), [octets])


@pytest.mark.parametrize(
    ("text", "plain"), [("a+2Bb", "a+b"), ("a+0D+0ABcc:x", "a  Bcc:x"), ("plain", "plain"), ("+E9", "é")]
)
def test_xtext_never_brings_a_line_end(text, plain):
    assert decode_xtext(text) == plain
