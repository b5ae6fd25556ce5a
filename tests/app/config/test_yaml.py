"""YAML to nodes: places are right, and hostile files cost little and are named with their place."""

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from ruamel.yaml.nodes import MappingNode, ScalarNode

from bot.app.config import yaml
from bot.app.config.settings import load_settings
from bot.app.config.yaml import (
    MAX_FAULTS,
    YamlDocument,
    is_absent,
    parse_document,
    plain_value,
    read_document,
    to_data,
)
from bot.domain.errors import ConfigError, UsageError


def read(text: str | bytes) -> YamlDocument:
    return parse_document(text if isinstance(text, bytes) else text.encode(), "f.yaml")


def data(text: str) -> object:
    document = read(text)
    assert not document.faults
    return to_data(document.root)


def found(text: str | bytes) -> list[str]:
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in read(text).faults]


def test_values_have_the_types_of_yaml_1_2() -> None:
    text = "a: 1\nb: 0.5\nc: yes\nd: true\ne:\nf: '1'\ng: 22:00-07:00\nh: 0x1F\ni: 2025-01-01\nj: [x, ~]\n"
    assert data(text) == {
        "a": 1, "b": 0.5, "c": "yes", "d": True, "e": None, "f": "1", "g": "22:00-07:00", "h": 31,
        "i": "2025-01-01", "j": ("x", None),
    }  # fmt: skip


def test_a_number_too_long_to_be_one_is_text() -> None:
    assert plain_value("9" * 5000) == "9" * 5000


def test_keys_and_values_know_where_they_stand() -> None:
    document = read("site:\n  title: 'x'\nlist:\n  - one\n")
    assert isinstance(document.root, MappingNode)
    title = document.find(("site", "title"))
    assert document.fault_at(title.offset, "").column == 10
    assert document.fault_at(document.offset_of(("site", "title"), at_key=True), "").column == 3
    assert document.fault_at(document.offset_of(("list", 0)), "").column == 5


def test_a_path_that_leads_nowhere_has_the_offset_of_the_last_thing_on_it() -> None:
    document = read("site:\n  title: x\n")
    assert document.offset_of(("site", "titel")) == document.offset_of(("site",))
    assert document.offset_of(("wach", "folders")) == 0


def test_an_empty_value_has_the_offset_of_its_key() -> None:
    document = read("a: 1\nid:   \nb: 2\n")
    assert document.offset_of(("id",)) == 5


def test_lines_count_as_in_an_editor_whatever_their_ending() -> None:
    document = read("x: 'no \u2028 break for an editor'\r\na: 1\rb: 2\n")
    assert document.fault_at(document.offset_of(("b",)), "").line == 3


def test_a_byte_order_mark_does_not_move_the_first_column() -> None:
    assert found(b"\xef\xbb\xbfa: 1\na: 2\n") == ["2:1: duplicate key 'a'; it is in line 1 already"]


@pytest.mark.parametrize(
    ("text", "value", "position", "offset"),
    [
        ("- plain text", "plain text", 6, 8),
        ("- 'quoted text'", "quoted text", 7, 10),
        ('- "quoted text"', "quoted text", 7, 10),
        ("- 'it''s text'", "it's text", 5, 9),
        ("- 'it''s text'", "it's text", 1, 4),
        ('- "esc\\taped"', "esc\taped", 5, 9),
        ('- "\\u00e4 \\\\ x"', "ä \\ x", 4, 13),
        ('- "a\\x20\\_\\\r\n   b"', "a \xa0b", 3, 16),
        ("- two\n  lines", "two lines", 5, 9),
        ("- two\n  lines", "two lines", 9, 13),
        ("- 'it''s\n\n  two'", "it's\ntwo", 5, 12),
        ("- >-\n  folded", "folded", 3, 10),
        ("- |2+  # (\n\n    kept\r\n  as\n\n# a comment", "\n  kept\nas\n\n", 8, 24),
        ("- |\n  kept\n", "kept\n", 5, 10),
        ("- two\n  lines", "two lines", 0, 2),
    ],
)
def test_a_character_of_a_value_is_found_in_the_file(
    text: str, value: str, position: int, offset: int
) -> None:
    document = read(text)
    scalar = document.find((0,)).node
    assert isinstance(scalar, ScalarNode)
    assert scalar.value == value
    assert document.offset_in(scalar, position) == offset


def test_a_file_that_may_not_be_looked_at_is_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert is_absent(tmp_path / "none")
    assert is_absent(tmp_path / "file" / "below")
    assert not is_absent(tmp_path / "file")

    settings = load_settings(tmp_path / "none", {}, explicit=False)
    assert not settings.has_state

    def forbidden(*_args: object, **_kw: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", forbidden)
    assert not is_absent(tmp_path / "none")
    assert settings.has_state  # opening it says what is wrong


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_a_file_that_says_nothing_is_empty_and_no_mistake(text: str) -> None:
    assert data(text) is None


def test_an_alias_bomb_is_refused_at_its_first_anchor_in_no_time_and_no_memory() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for name, last in zip("bcdefghij", "abcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]")
    tracemalloc.start()
    faults = found("\n".join(lines))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert faults[0] == "1:4: anchors (&name) are not allowed; remove it, or quote the value"
    assert any("aliases (*name) are not allowed" in fault for fault in faults)
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: *x", "1:4: aliases (*name) are not allowed; write the value out, or quote it"),
        ("<<: *x\n", "1:5: aliases (*name) are not allowed; write the value out, or quote it"),
        ("a: !!python/object:os.system x", "1:4: tags (!name) are not allowed; remove it, or quote the value"),
        ("%YAML 1.1\n---\na: 1\n", "2:1: %-directives are not allowed; remove the line"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here; one file holds one document"),
        ("a: 1\nb: 1\na: 2\n", "3:1: duplicate key 'a'; it is in line 1 already"),
        ("x: {b: 1, b: 2}", "1:11: duplicate key 'b'; it is in line 1 already"),
        ("? [a]\n: b\n", "1:3: a key must be a word, not a list or a mapping"),
        ("a:\n\tb: 1\n", "2:1: a tab; indent with blanks"),
        ("a: @me", "1:4: text that starts with @ needs quotes"),
        ("a: b: c", "1:5: ': ' inside a value; put the value in quotes"),
        ("a: 'open", "1:4: this quote is never closed"),
        ("a: [1, 2", "1:4: the bracket that opens here is never closed"),
        ("a:\n  - b\n c: 1\n", "3:2: this line's indentation fits nothing above it"),
        ('- "graph" NEAR/5 neural', "1:11: text after a closing quote; put the whole value in single quotes: '…'"),
        ('a: "\\q"', "1:6: no such escape in double quotes; use single quotes"),
        ('a: "\\U00110000"', "1:5: an escape that is no character; remove it"),
        ('a: "\\x1b[2J"', "1:4: control character U+001B by an escape; remove it"),
        ('a: "\\ud800"', "1:4: control character U+D800 by an escape; remove it"),
        ('a: "\\0"', "1:4: control character U+0000 by an escape; remove it"),
        ("a: 1\nb: \0\n", "2:4: control character U+0000; remove it"),
        ("a: \x1b[2J\n", "1:4: control character U+001B; remove it"),
        (b"a: 1\nb: \xff\n", "2:4: not UTF-8 from here on; save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1: not UTF-8 from here on; save the file as UTF-8"),
        ("%32", "1:4: this does not belong to what stands above it"),
    ],
)  # fmt: skip
def test_what_a_file_must_not_hold_is_named_at_its_place(text: str | bytes, expected: str) -> None:
    assert found(text)[0] == expected


def test_several_faults_of_form_are_found_at_once_in_file_order() -> None:
    assert [fault.split(":")[0] for fault in found("a: 1\na: 2\nb: &x 1\nc: *x\n")] == ["2", "3", "4"]


def test_a_duplicate_key_before_a_syntax_error_is_found_too() -> None:
    assert found("a: 1\na: 2\nb: 'open")[0] == "2:1: duplicate key 'a'; it is in line 1 already"


def test_messages_hold_nothing_that_a_terminal_obeys_or_that_turns_text_around() -> None:
    (fault,) = found("\u202eevil: 1\n\u202eevil: 2\n")
    assert "\u202e" not in fault
    assert "\\u202e" in fault


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_by_its_limit(opening: str) -> None:
    (fault,) = found(opening * 100_000)
    assert fault.endswith("nested deeper than 32 levels, the limit")


def test_too_many_values_are_refused_by_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MAX_VALUES", 1000)
    (fault,) = found("[" + "a," * 5000 + "]")
    assert fault == "1:2000: more than 1,000 values, the limit for one file"


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(yaml.MAX_BYTES * 1000)
    (fault,) = read_document(path).faults
    assert str(fault) == f"{path}:1:1: larger than 8 MB, the limit for a configuration file"


def test_more_faults_than_anybody_reads_end_the_search() -> None:
    with pytest.raises(ConfigError) as caught:
        read("a: *x\n" * 5000)
    assert len(caught.value.faults) == MAX_FAULTS + 1
    assert "more than 100 faults" in caught.value.faults[-1].message


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "x " * 100_000,
        "a: '" + "''" * 100_000 + "'",
        'a: "' + "\\n" * 100_000 + '"',
        "#\n" * 100_000,
        " " * 200_000 + "a: 1",
        "a: |\n" + " x\n" * 60_000,
        "x" * 200_000 + ": 1",
    ],
    ids=["plain", "single quotes", "escapes", "comments", "blanks", "block", "key"],
)
def test_long_things_take_time_in_proportion(text: str) -> None:
    start = time.process_time()
    read(text)
    assert time.process_time() - start < 5


def test_a_file_that_is_not_there_or_no_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: no such file; `paperboy init` writes one"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="is a directory; it must be a file"):
        read_document(tmp_path)


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab:-?{}[]&*!|>'\"%@`#,\n\t \\U0xud8<.~=$é\u2028\x85\ufeff"), max_size=60))
def test_any_text_gives_nodes_or_faults_and_never_anything_else(text: str) -> None:
    document = read(text)
    for fault in document.faults:
        assert fault.line >= 1
        assert fault.column >= 1
        assert fault.message.isprintable()


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_nodes_or_faults_and_never_anything_else(content: bytes) -> None:
    read(content)
