"""Faults of queries in each language."""

import ast
import inspect
from string import Formatter

import pytest

from bot.domain.errors import QuerySyntaxError
from bot.domain.query import parse, parser
from bot.domain.query.faults import _CHINESE, fault_text, hints_on


def test_every_fault_of_the_parser_is_translated_with_its_values() -> None:
    tree = ast.parse(inspect.getsource(parser))
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(_CHINESE) <= texts
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "QuerySyntaxError":
            fault = call.args[0]
            assert isinstance(fault, ast.Name) or (
                isinstance(fault, ast.Constant) and fault.value in _CHINESE
            )
    for english, chinese in _CHINESE.items():
        assert fields_of(english) == fields_of(chinese)


def fields_of(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize(
    ("query", "language", "said"),
    [
        ("(agent OR tool", "zh", "这个括号没有闭合"),
        ("(agent OR tool", "en", "this bracket is never closed"),
        ("(agent OR tool", "de", "this bracket is never closed"),
        ("titel:x", "zh", "titel: 不是字段；是 title: 吗？（文本中的冒号要放进引号）"),
        ("a{b} \x00", "zh", "无法搜索字符 U+0000"),
        ("(a) {b}", "zh", "请在 {b} 前写 AND 或 OR"),
    ],
)
def test_a_fault_is_said_in_the_reader_s_language(query: str, language: str, said: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(query)
    assert fault_text(caught.value, language) == said


def test_a_fault_without_a_translation_is_said_in_english() -> None:
    assert fault_text(QuerySyntaxError("of another kind", 0), "zh") == "of another kind"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "'or' in small letters is a word to find; operators are in capitals"),
        ("zh", "小写的 or 会当作普通词来搜索；运算符要大写"),
    ],
)
def test_a_small_operator_is_hinted_at_in_the_reader_s_language(language: str, said: str) -> None:
    assert hints_on(parse("agent or tool"), language) == (said,)
    assert hints_on(parse("agent OR tool"), language) == ()
