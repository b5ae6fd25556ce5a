"""Translations: the fixed texts around papers and quizzes in each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """The fixed texts of one language; names in braces are filled in."""

    language: str
    subject_one: str
    subject_many: str
    papers_one: str
    papers_many: str
    matched: str
    more_heading: str
    more_unnamed: str
    all_papers: str
    quiz_one: str
    quiz_many: str
    answers: str
    worked_out: str
    no_key: str
    paper_page: str
    why_you: str
    unsubscribe: str
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    long_date: str
    short_date: str
    page: str
    other_authors: str
    over_limit: str
    colon: str
    poll_without_key: str
    poll_worked_out: str
    poll_see_above: str
    roles: Mapping[str, str]
    """Labels of the parts of a summary, by what they tell."""

    def count(self, papers: int) -> str:
        return (self.papers_one if papers == 1 else self.papers_many).format(count=papers)

    def quiz(self, questions: int) -> str:
        return (self.quiz_one if questions == 1 else self.quiz_many).format(count=questions)

    def day(self, day: date) -> str:
        return self.long_date.format(
            weekday=self.weekdays[day.weekday()],
            day=day.day,
            month=self.months[day.month - 1],
            year=day.year,
        )


ENGLISH = Wording(
    language="en",
    subject_one="New paper: {title}",
    subject_many="{count} new papers: {title} +{others}",
    papers_one="{count} new paper",
    papers_many="{count} new papers",
    matched="Matched",
    more_heading="+{count} more",
    more_unnamed="and {count} more",
    all_papers="All papers",
    quiz_one="Quiz: {count} question",
    quiz_many="Quiz: {count} questions",
    answers="Answers",
    worked_out="worked out, {sure} %",
    no_key="The digest gives no answer.",
    paper_page="Paper page",
    why_you="{address} gets this for: {subscriptions}.",
    unsubscribe="Unsubscribe",
    months=(
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    long_date="{weekday}, {day} {month} {year}",
    short_date="{day} {month} {year}",
    page="Papers {first}–{last} of {count}",
    other_authors=" and {count} more",
    over_limit="+{count} more, over the daily limit",
    colon=": ",
    poll_without_key="The digest gives no answer key: an ordinary poll.",
    poll_worked_out="Answer worked out, {sure} %.",
    poll_see_above="See above.",
    roles={
        "gist": "In short", "topic": "Topic", "idea": "Idea", "problem": "Problem",
        "method": "Method", "result": "Result", "use": "So what",
    },
)  # fmt: skip

CHINESE = Wording(
    language="zh",
    subject_one="新论文：{title}",
    subject_many="{count} 篇新论文：{title} +{others}",
    papers_one="{count} 篇新论文",
    papers_many="{count} 篇新论文",
    matched="匹配",
    more_heading="另有 {count} 篇",
    more_unnamed="以及其他 {count} 篇",
    all_papers="全部论文",
    quiz_one="测验：{count} 题",
    quiz_many="测验：{count} 题",
    answers="答案",
    worked_out="推断所得，{sure} %",
    no_key="原文未给出答案。",
    paper_page="论文页面",
    why_you="{address} 订阅了：{subscriptions}。",
    unsubscribe="退订",
    months=tuple(map(str, range(1, 13))),
    weekdays=("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    long_date="{year} 年 {month} 月 {day} 日，{weekday}",
    short_date="{year} 年 {month} 月 {day} 日",
    page="第 {first}–{last} 篇，共 {count} 篇",
    other_authors=" 等 {total} 人",
    over_limit="另有 {count} 篇超出每日上限",
    colon="：",
    poll_without_key="原文未给出答案：普通投票。",
    poll_worked_out="答案为推断所得，{sure} %。",
    poll_see_above="见上文。",
    roles={
        "gist": "概要",
        "topic": "主题",
        "idea": "思路",
        "problem": "问题",
        "method": "方法",
        "result": "结果",
        "use": "意义",
    },
)


def wording(language: str) -> Wording:
    """The texts in that language; English where there is no translation."""
    return CHINESE if language.lower().split("-")[0] == "zh" else ENGLISH
