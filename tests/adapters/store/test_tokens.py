"""Tokens that open one thing each."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.store import Store
from tests.adapters.store.conftest import Database


def test_a_token_is_the_same_each_time_also_after_a_restart(database: Database):
    token = database.open().tokens.issue("feed", "alice")
    again = database.open()
    assert again.tokens.issue("feed", "alice") == token
    assert again.tokens.subject("feed", token) == "alice"


def test_a_token_holds_128_bits_and_fits_into_a_url(store: Store):
    tokens = {store.tokens.issue("feed", f"subscriber {n}") for n in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)


def test_a_token_opens_only_what_it_is_for(store: Store):
    feed, leave = store.tokens.issue("feed", "x"), store.tokens.issue("unsubscribe", "x")
    assert feed != leave
    assert store.tokens.subject("unsubscribe", feed) is None
    assert store.tokens.subject("unsubscribe", leave) == "x"


def test_two_states_have_nothing_in_common(tmp_path: Path):
    stores = [Store(f"sqlite:///{tmp_path}/{name}.sqlite3") for name in "ab"]
    assert len({store.tokens.issue("feed", "alice") for store in stores}) == 2
    for store in stores:
        store.close()


def test_what_is_stored_opens_nothing(store: Store, tmp_path: Path, request: pytest.FixtureRequest):
    token = store.tokens.issue("feed", "alice")
    if "sqlite" not in request.node.name:
        pytest.skip("looks into SQLite's own file")
    with closing(sqlite3.connect(tmp_path / "state.sqlite3")) as connection:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL %'"
        everything = "\n".join(
            repr(connection.execute(f"SELECT * FROM {name}").fetchall())
            for (name,) in connection.execute(tables).fetchall()
        )
    assert token not in everything
    hashes = re.findall(r"'([0-9a-f]{64})'", everything)
    assert hashes
    for stored in hashes:
        assert store.tokens.subject("feed", stored) is None


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 22, "x" * 64, "x" * 65, "x" * 100_000, "\0", "\ud800", "' OR 1=1 --", "中" * 22]
)
def test_any_other_text_opens_nothing(store: Store, text: str):
    store.tokens.issue("feed", "alice")
    assert store.tokens.subject("feed", text) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.text(max_size=70))
def test_no_text_that_comes_along_opens_anything(store: Store, text: str):
    store.tokens.issue("feed", "alice")
    assert store.tokens.subject("feed", text) is None


def test_a_changed_letter_opens_nothing(store: Store):
    token = store.tokens.issue("feed", "alice")
    changed = ("B" if token[0] == "A" else "A") + token[1:]
    assert store.tokens.subject("feed", changed) is None
    assert store.tokens.subject("feed", token.swapcase()) is None


def test_a_renewed_token_takes_the_place_of_the_one_before_in_every_process(database: Database):
    here, there = database.open(), database.open()
    before = here.tokens.issue("feed", "alice")
    assert there.tokens.issue("feed", "alice") == before
    after = there.tokens.renew("alice")
    assert after != before
    for store in (here, there):
        assert store.tokens.issue("feed", "alice") == after
        assert (store.tokens.subject("feed", before), store.tokens.subject("feed", after)) == (None, "alice")


def test_the_link_to_preferences_is_renewed_with_the_feed(store: Store):
    before, other = store.tokens.issue("preferences", "alice"), store.tokens.issue("preferences", "bob")
    store.tokens.renew("alice")
    assert store.tokens.subject("preferences", before) is None
    assert store.tokens.subject("preferences", store.tokens.issue("preferences", "alice")) == "alice"
    assert store.tokens.subject("preferences", other) == "bob"


def test_renewing_a_feed_leaves_other_tokens_as_they_are(store: Store):
    bob, leave = store.tokens.issue("feed", "bob"), store.tokens.issue("unsubscribe", "alice")
    first, second = store.tokens.renew("alice"), store.tokens.renew("alice")
    assert first != second
    assert store.tokens.issue("feed", "bob") == bob
    assert store.tokens.subject("unsubscribe", leave) == "alice"


def test_a_token_in_an_address_is_lower_case_and_names_its_target(store: Store):
    token = store.tokens.issue("return", "email:ann@example.org")
    assert re.fullmatch(r"[a-z2-7]{26}", token)
    assert store.tokens.subject("return", token) == "email:ann@example.org"
    assert store.tokens.subject("unsubscribe", token) is None
