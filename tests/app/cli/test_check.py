"""`check`: both files at once, each mistake at its place."""

from pathlib import Path

import pytest

from bot.app.cli.check import examine
from bot.app.config.channels import CHANNELS
from bot.domain.errors import Fault, UsageError
from tests.app.cli.conftest import Paperboy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "seeds").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(settings: str | None, subscriptions: str | None) -> Path:
    if settings is not None:
        Path("config/paperboy.yaml").write_text(settings)
    if subscriptions is not None:
        Path("config/subscriptions.yaml").write_text(subscriptions)
    return Path("config/paperboy.yaml")


def findings(config: Path, *, explicit: bool = True) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """Faults and warnings of both files."""
    checked = examine(config, {}, explicit=explicit)
    return checked.faults, checked.warnings


def texts(found: tuple[object, ...]) -> list[str]:
    return [str(fault) for fault in found]


PERSON = "subscribers:\n  - id: a\n    channels: [atom: true]\n    keywords: [rag]\n"


@pytest.mark.usefixtures("folder")
def test_a_misspelt_key_a_duplicate_key_a_bad_zone_and_a_bad_query_are_four_errors_at_four_places() -> None:
    config = write(
        "watch:\n  max_file_mbb: 20\n",
        "subscribers:\n  - id: alice\n    timezone: Europe/Berlin\n    timezone: UTC\n"
        "  - id: bob\n    timezone: Europe/Berln\n    keywords:\n      - diffusion AND (model\n",
    )
    faults, _ = findings(config)
    assert texts(faults) == [
        "config/paperboy.yaml:2:3: unknown key 'max_file_mbb'; did you mean 'max_file_mb'?",
        "config/subscriptions.yaml:4:5: duplicate key 'timezone'; it is in line 3 already",
        "config/subscriptions.yaml:6:15: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
        "config/subscriptions.yaml:8:23: query: this bracket is never closed",
    ]


@pytest.mark.usefixtures("folder")
def test_the_same_four_in_one_subscriber_are_four_errors_too() -> None:
    config = write(
        "",
        "subscribers:\n  - id: alice\n    timezon: UTC\n    daily_limit: 1\n    daily_limit: 2\n"
        "    timezone: Mars/Olympus\n    keywords: [NOT rag]\n",
    )
    faults, _ = findings(config)
    assert [fault.line for fault in faults] == [3, 5, 6, 7]


def test_a_state_that_cannot_be_used_hides_no_warning(folder: Path, paperboy: Paperboy) -> None:
    write(
        "state: sqlite:///damaged\nwatch: {folders: [nowhere]}\n",
        PERSON + "  - {id: b, channels: [telegram: {chat: -5, topic: Papers}]}\n",
    )
    (folder / "damaged").write_text("no database" * 100)
    ran = paperboy("check")
    assert ran.code == 3
    assert ran.out == "fine: 2 subscribers with 1 subscription\n"
    assert "warning: the folder" in ran.err
    assert ran.err.endswith("damaged (file is not a database); restore it from a backup\n")
    assert paperboy("check", "--json").json["errors"] == []


@pytest.mark.usefixtures("folder")
def test_sound_files_have_neither_faults_nor_warnings() -> None:
    assert findings(write("", PERSON)) == ((), ())


@pytest.mark.usefixtures("folder")
def test_a_torn_file_does_not_hide_the_other_ones_faults() -> None:
    faults, _ = findings(write("site: {", PERSON.replace("rag", "rag AND")))
    assert [fault.file for fault in faults] == ["config/paperboy.yaml", "config/subscriptions.yaml"]
    faults, _ = findings(write("wach: 1", "subscribers: ["))
    assert [fault.file for fault in faults] == ["config/paperboy.yaml", "config/subscriptions.yaml"]


@pytest.mark.usefixtures("folder")
def test_a_file_with_too_many_faults_does_not_hide_the_other() -> None:
    faults, _ = findings(write("x: 1", "subscribers:\n" + "  - {id: a}\n" * 200))
    assert faults[0].file == "config/paperboy.yaml"
    assert len(faults) == 102
    faults, _ = findings(write("".join(f"x{n}: 1\n" for n in range(200)), PERSON))
    assert "more than 100 faults" in faults[-1].message


@pytest.mark.usefixtures("folder")
def test_without_any_file_the_defaults_hold_and_it_is_said_that_nobody_gets_anything() -> None:
    faults, warnings = findings(Path("config/paperboy.yaml"), explicit=False)
    assert faults == ()
    assert texts(warnings) == [
        "config/paperboy.yaml:1:1: config/subscriptions.yaml is not there: nobody gets anything; "
        "`paperboy init` writes it"
    ]
    with pytest.raises(UsageError, match="no such file"):
        findings(Path("config/paperboy.yaml"))


@pytest.mark.usefixtures("folder")
def test_a_file_of_subscriptions_that_is_named_but_missing_is_a_fault_where_it_is_named() -> None:
    faults, _ = findings(write("subscriptions: other.yaml", None))
    assert texts(faults) == [
        "config/paperboy.yaml:1:16: other.yaml: no such file; `paperboy init` writes one with comments"
    ]
    faults, _ = findings(write("subscriptions: 7", None))
    assert texts(faults) == [
        "config/paperboy.yaml:1:16: subscriptions must be text, not '7'; put it in quotes"
    ]
    Path("config/subscriptions.yaml").mkdir()
    (fault,), _ = findings(write("", None))
    assert "is a directory" in fault.message


@pytest.mark.usefixtures("folder")
def test_folders_that_are_missing_and_alarms_to_nobody_are_warned_of() -> None:
    _, warnings = findings(write("watch: {folders: [seeds, sedes]}\nsource_alarm: {to: [a, A1]}", PERSON))
    assert [(warning.line, warning.column) for warning in warnings] == [(1, 26), (2, 21), (2, 24)]
    assert warnings[2].message == "no subscriber has the id 'A1'; did you mean 'a'?"


@pytest.mark.usefixtures("folder")
def test_an_alarm_to_somebody_with_only_a_feed_is_warned_of() -> None:
    feed_only = "subscribers: [{id: a, channels: [{atom: true}], keywords: [rag]}]"
    _, warnings = findings(write("source_alarm: {to: [a]}", feed_only))
    channels = [kind for kind, channel in CHANNELS.items() if not channel.capabilities.is_document]
    assert warnings[0].message == (
        f"a gets no alarms: they go by {', '.join(channels[:-1])} or {channels[-1]}, never into a feed"
    )
    assert "atom" not in channels


@pytest.mark.usefixtures("folder")
def test_what_the_files_say_comes_with_the_findings() -> None:
    checked = examine(write("x: 1", PERSON), {})
    assert checked.settings is None
    assert [subscriber.id for subscriber in checked.subscribers] == ["a"]
    assert str(checked.positions["a", "rag"]) == "config/subscriptions.yaml:4:16: "
