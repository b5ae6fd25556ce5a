"""Faults of queries, and hints on them, in each language."""

from collections.abc import Mapping

from bot.domain.errors import QuerySyntaxError
from bot.domain.query.syntax import Query

_CHINESE: Mapping[str, str] = {
    "this only excludes ({term}): name something to find as well": "这里只有排除（{term}）：还要写出要找的内容",
    "nothing could match: {term} is excluded and asked for at once": "不可能有匹配：{term} 既要求又被排除",
    "nothing could match: {term} is excluded": "不可能有匹配：{term} 已被排除",
    "there is no word in the author's name {name!r}": "作者名 {name!r} 中没有词",
    "there is no word in {text!r}": "{text!r} 中没有词",
    "the query is empty": "查询为空",
    "this bracket closes nothing": "这个括号没有对应的左括号",
    "this bracket is never closed": "这个括号没有闭合",
    "there is nothing between these brackets": "括号中没有内容",
    "brackets may be nested {most} deep": "括号最多嵌套 {most} 层",
    "put AND or OR before {term}": "请在 {term} 前写 AND 或 OR",
    "{inner}: inside {outer}: could never match": "{outer}: 里面的 {inner}: 不可能匹配",
    "NEAR joins two words or phrases, no groups": "NEAR 只能连接两个词或短语，不能连接括号中的组",
    "both sides of NEAR must be in the same field": "NEAR 两边必须在同一字段",
    "NEAR joins two: write a NEAR/5 b AND b NEAR/5 c for three": "NEAR 只连接两个；三个请写 a NEAR/5 b AND b NEAR/5 c",
    "NEAR needs a number of words, like NEAR/5": "NEAR 需要词数，例如 NEAR/5",
    "NEAR takes a distance from 1 to {most} words": "NEAR 的距离为 1 到 {most} 个词",
    "a query may have {most} words": "查询最多 {most} 个词",
    "a query may have {most} characters; this one has {count}": "查询最多 {most} 个字符，这里有 {count} 个",
    "the query ends where a word is missing": "查询末尾缺少一个词",
    "a word is missing before {term}": "{term} 前缺少一个词",
    "the character U+{code:04X} cannot be searched for": "无法搜索字符 U+{code:04X}",
    "{name}: is no field; did you mean {near}:? (a colon in a text goes into quotes)": "{name}: 不是字段；是 {near}: 吗？（文本中的冒号要放进引号）",
    "{name}: is no field; the fields are {fields} (a colon in a text goes into quotes)": "{name}: 不是字段；字段有 {fields}（文本中的冒号要放进引号）",
    "this quotation mark is never closed": "这个引号没有闭合",
    "there is no word between these quotation marks": "引号中没有词",
    "write {sign} instead of {written}": "请写 {sign}，不要写 {written}",
    "write NOT {word} to leave out what has that word": "要排除这个词，请写 NOT {word}",
    "a star can only end a word": "星号只能放在词尾",
    "a word cannot be exact (=) and a beginning (*) at once": "一个词不能同时是逐字（=）和词首（*）",
    "= needs a word right behind it": "= 后面要紧跟一个词",
    "a star needs the beginning of a word before it": "星号前要有词的开头",
    "a star needs the beginning of a word right before it": "星号前要紧接词的开头",
    "a beginning needs {most} letters at least (in quotes * is no sign)": "词首至少 {most} 个字母（引号中的 * 不是通配符）",
}


def fault_text(error: QuerySyntaxError, language: str) -> str:
    """Why the query cannot be used, in that language; English where there is no translation."""
    translated = _CHINESE.get(error.fault) if language == "zh" else None
    return translated.format(**error.values) if translated else str(error)


def hints_on(query: Query, language: str = "en") -> tuple[str, ...]:
    """Hints for the person who wrote the query, in that language: a word that was perhaps meant as an operator."""
    hint = (
        "小写的 {word} 会当作普通词来搜索；运算符要大写"
        if language == "zh"
        else "{word!r} in small letters is a word to find; operators are in capitals"
    )
    return tuple(hint.format(word=word) for word in query.small_operators)
