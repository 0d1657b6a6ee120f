"""The budget of failed sign-ins holds however many guess at once, on both roads."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from domains.database import close_pool
from domains.models import SignInAttempt
from domains.services.failures import PER_MINUTE
from mailboxes.services import authenticate as authenticate_module
from mailboxes.services.authenticate import Authenticated, authenticate, check_actor
from tests.factories import PASSWORD, make_account

pytestmark = pytest.mark.django_db(transaction=True)

HERE, THERE = "192.0.2.1", "192.0.2.2"
GUESSES = 25


def test_guesses_at_once_at_the_panel_spend_the_budget_once():
    make_account()

    def guess(number):
        try:
            return check_actor("panel", HERE, "alice@acme.example", f"guess {number}").throttled
        finally:
            connections.close_all()

    with ThreadPoolExecutor(GUESSES) as threads:
        throttled = Counter(threads.map(guess, range(GUESSES)))
    assert throttled == {False: PER_MINUTE, True: GUESSES - PER_MINUTE}
    assert SignInAttempt.objects.count() == PER_MINUTE


def test_guesses_at_once_at_a_mail_door_spend_the_budget_once():
    make_account()

    async def guess_all():
        guesses = [authenticate("imap", HERE, "alice@acme.example", f"guess {n}") for n in range(GUESSES)]
        answers = await asyncio.gather(*guesses, authenticate("imap", THERE, "alice@acme.example", PASSWORD))
        await close_pool()
        return answers

    *guesses, right = asyncio.run(guess_all())
    assert Counter(answer.temporary for answer in guesses) == {False: PER_MINUTE, True: GUESSES - PER_MINUTE}
    assert isinstance(right, Authenticated)


@pytest.mark.parametrize("first", ["alice@acme.example", "nobody@acme.example", "x@nowhere.example"])
def test_the_first_sign_in_of_a_process_costs_the_same_for_known_and_unknown(first, monkeypatch):
    make_account()
    hashed = []
    monkeypatch.setattr(authenticate_module, "make_password", lambda text: hashed.append(text) or "!")
    monkeypatch.setattr(authenticate_module, "check_password", lambda text, encoded: bool(hashed.append(text)))
    authenticate_module._dummy_hash.cache_clear()
    try:
        assert check_actor("panel", HERE, first, "a wrong guess").actor is None
    finally:
        authenticate_module._dummy_hash.cache_clear()
    assert len(hashed) == 2
