"""The fixed texts of alerts in each language."""

from dataclasses import dataclass
from datetime import date

from bot.adapters.wording import wording


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrases:
    """Our own words in one language; names in braces are filled in."""

    language: str
    matched: str
    heading: str
    page: str
    others: str
    more: str
    over_limit: str
    colon: str

    def day(self, day: date) -> str:
        return wording(self.language).day(day)


_ENGLISH = Phrases(
    language="en",
    matched="Matched: ",
    heading="{count} new papers",
    page="Papers {first}–{last} of {count}",
    others=" and {count} more",
    more="+{count} more",
    over_limit="+{count} more, over the daily limit",
    colon=":",
)
_CHINESE = Phrases(
    language="zh",
    matched="匹配：",
    heading="{count} 篇新论文",
    page="第 {first}–{last} 篇，共 {count} 篇",
    others=" 等 {total} 人",
    more="另有 {count} 篇",
    over_limit="另有 {count} 篇超出每日上限",
    colon="：",
)


def phrases(language: str) -> Phrases:
    """The words for that language, English where we do not speak it."""
    return _CHINESE if language.lower().split("-")[0] == "zh" else _ENGLISH
