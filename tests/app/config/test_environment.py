"""`${NAME}` and `${NAME:-default}`: put into text once, never read as YAML, faults at their place."""

import pytest

from bot.app.config.validation import FromEnvironment, Substitution
from bot.app.config.yaml import parse_document, to_data


def filled(value: str, environ: dict[str, str]) -> object:
    document = parse_document(f"key: {value}\n".encode(), "f.yaml")
    result = to_data(document.root, Substitution(document, environ))
    assert not document.faults, document.faults
    assert isinstance(result, dict)
    return result["key"]


def faults(value: str, environ: dict[str, str]) -> list[str]:
    document = parse_document(f"key: {value}\n".encode(), "f.yaml")
    to_data(document.root, Substitution(document, environ))
    return [f"{fault.column}: {fault.message}" for fault in document.faults]


@pytest.mark.parametrize(
    ("value", "environ", "expected"),
    [
        ("${A}", {"A": "x"}, "x"),
        ('"${A}/${B}"', {"A": "x", "B": "y"}, "x/y"),
        ("${A:-none}", {}, "none"),
        ("${A:-none}", {"A": ""}, "none"),
        ("${A:-none}", {"A": "x"}, "x"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": ""}, ""),
        ("$${A}", {}, "${A}"),
        ("$A and $$ stay", {"A": "x"}, "$A and $$ stay"),
        ("${A}", {"A": "${B}"}, "${B}"),
        ("${A}", {"A": "[1, *x, {y: !!z}]: #"}, "[1, *x, {y: !!z}]: #"),
    ],
)
def test_variables_are_put_in_once_as_text(value: str, environ: dict[str, str], expected: str) -> None:
    assert filled(value, environ) == expected


def test_what_comes_from_the_environment_is_marked_and_what_is_escaped_is_not() -> None:
    assert isinstance(filled("${A}", {"A": "1"}), FromEnvironment)
    assert not isinstance(filled("$${A}", {}), FromEnvironment)


@pytest.mark.parametrize(
    ("value", "environ", "expected"),
    [
        ("a ${A}", {}, "8: ${A} is not set; set it, or write ${A:-default}"),
        ('"${A"', {}, "7: '${' begins ${NAME} or ${NAME:-default}; write $${ for the text"),
        ("${}", {}, "6: '${' begins ${NAME} or ${NAME:-default}; write $${ for the text"),
        ("${1A}", {}, "6: '${' begins ${NAME} or ${NAME:-default}; write $${ for the text"),
        ("${A}", {"A": "\x1b[2J"}, "6: ${A} holds invisible control characters or is not UTF-8"),
        ("${A}", {"A": "\udcff"}, "6: ${A} holds invisible control characters or is not UTF-8"),
        ("${A}", {"A": "\ufeff1"}, "6: ${A} holds invisible control characters or is not UTF-8"),
        ("${A}", {"A": "a\u202eb"}, "6: ${A} holds invisible control characters or is not UTF-8"),
    ],
)
def test_what_cannot_be_put_in_is_a_fault_where_it_stands(
    value: str, environ: dict[str, str], expected: str
) -> None:
    assert faults(value, environ) == [expected]


def test_a_value_in_the_environment_is_never_part_of_a_message() -> None:
    assert "hunter2" not in str(faults("${A}", {"A": "hunter2\x00"}))
