"""A quiz question from what a digest holds of it: usable options, and the key where it can be told."""

import re
from collections.abc import Sequence

from bot.domain.papers import Question

MIN_OPTIONS = 2
MAX_OPTIONS = 20
MAX_QUESTIONS = 50

_NUMBER = re.compile(r"\d{1,3}[.)．、](?!\d)\s*")


def question_of(
    text: str, options: Sequence[str], *, keys: Sequence[str] | None, problems: list[str]
) -> Question | None:
    """The question without its number, or None where it is no quiz; what is wrong is added to `problems`.

    Texts come folded. `keys` are the readings of the key's attribute, the whole one first, then the one that
    ends at its first quotation mark; None where the digest's form has no keys.
    """
    number = _NUMBER.match(text)
    text = text[number.end() :] if number else text
    usable = tuple(dict.fromkeys(filter(None, options)))
    if not text or not MIN_OPTIONS <= len(usable) <= MAX_OPTIONS:
        problems.append(f"not a quiz, {len(usable)} usable option(s): {text[:60]!r}")
        return None
    if len(usable) < len(options):
        problems.append(f"empty or repeated options left out: {text[:60]!r}")
    if keys is None:
        return Question(question=text, options=usable)
    if not any(keys):
        problems.append(f"a question without a key: {text[:60]!r}")
        return Question(question=text, options=usable)
    answer = _answer(usable, keys)
    if answer is None:
        problems.append(f"the key is none of the options: {text[:60]!r}")
        return Question(question=text, options=usable)
    return Question(question=text, options=usable, answer=answer, answer_source="key")


def _answer(options: Sequence[str], keys: Sequence[str]) -> int | None:
    for key in keys:
        if key in options:
            return options.index(key)
    # An unescaped quotation mark ends the attribute: the key is the one option that goes on with such a mark.
    for key in filter(None, keys):
        cut = [place for place, option in enumerate(options) if _continues(option, key)]
        if len(cut) == 1:
            return cut[0]
    return None


def _continues(option: str, key: str) -> bool:
    return option.startswith(key) and option[len(key) :].lstrip().startswith('"')
