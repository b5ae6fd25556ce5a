"""`like:` in the subscriptions: papers to find more like."""

from pathlib import Path

import pytest

from bot.app.config.subscriptions import load_subscribers
from bot.domain.errors import ConfigError
from bot.domain.similarity import NEAR
from bot.domain.subscriptions import Subscription


def asked(folder: Path, keyword: str) -> Subscription:
    path = folder / "subscriptions.yaml"
    path.write_text(f"subscribers:\n  - id: a\n    keywords:\n      - {keyword}\n    exclude: [medical]\n")
    return load_subscribers(path)[0].subscriptions[0]


def test_papers_are_named_by_id_number_or_link(tmp_path: Path) -> None:
    subscription = asked(
        tmp_path, "like: [arxiv:2509.14008, '2509.14033', https://arxiv.org/abs/2509.14008v2]"
    )
    assert subscription.query is None
    assert subscription.like == ("arxiv:2509.14008", "arxiv:2509.14033")
    assert (subscription.near, subscription.name) == (NEAR, "like 2509.14008, 2509.14033")
    assert [query.text for query in subscription.unless] == ["medical"]


def test_it_has_a_name_and_a_threshold_of_its_own(tmp_path: Path) -> None:
    subscription = asked(tmp_path, "{name: splats, like: [arxiv:2509.14008], near: 0.3, only: [atom]}")
    assert (subscription.name, subscription.near, subscription.only) == ("splats", 0.3, {"atom"})


@pytest.mark.parametrize(
    ("keyword", "said"),
    [
        ("{query: rag, like: [arxiv:2509.14008]}", "a query and like at once"),
        ("like: [nonsense]", "must be a paper"),
        ("{like: [arxiv:2509.14008], near: 7}", "near"),
        ("{name: x}", "the key 'query' is missing here"),
    ],
)
def test_what_cannot_be_is_a_fault_with_its_place(tmp_path: Path, keyword: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        asked(tmp_path, keyword)
    assert said in str(error.value)
    assert "subscriptions.yaml:4:" in str(error.value)


def test_a_subscription_is_either_a_query_or_a_like() -> None:
    with pytest.raises(ValueError, match="either"):
        Subscription(name="x", text="x")
