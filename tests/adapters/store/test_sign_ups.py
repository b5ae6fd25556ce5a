"""Sign-ups in each kind of database."""

from dataclasses import replace
from datetime import timedelta

from bot.adapters.store import Store
from bot.domain.sign_ups import KEPT_FOR
from tests.builders import NOW
from tests.domain.test_sign_ups import ASKED


def test_a_sign_up_is_kept_whole_and_confirmed_once(store: Store):
    assert store.sign_ups.keep_sign_up(ASKED)
    assert store.sign_ups.sign_up("a") == ASKED
    assert store.sign_ups.confirm_sign_up("a", NOW)
    assert not store.sign_ups.confirm_sign_up("a", NOW + timedelta(hours=1))
    assert store.sign_ups.sign_up("a") == replace(ASKED, confirmed_at=NOW)
    assert not store.sign_ups.confirm_sign_up("b", NOW)


def test_only_the_last_days_are_kept(store: Store):
    store.sign_ups.keep_sign_up(ASKED)
    token = store.tokens.issue("confirm", "a")
    store.sign_ups.keep_sign_up(
        replace(ASKED, id="b", address="b@example.org", asked_at=NOW + KEPT_FOR + timedelta(seconds=1))
    )
    assert store.sign_ups.sign_up("a") is None
    assert store.tokens.subject("confirm", token) is None
    assert store.sign_ups.sign_up("b") is not None
