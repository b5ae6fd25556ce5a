"""Translations: the fixed texts around papers and quizzes in each language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""The languages that there are texts in, by code, each with its own name for itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """The fixed texts of one language; names in braces are filled in."""

    language: str
    subject_topic: str
    subject_author: str
    subject_more: str
    subject_day: str
    comma: str
    listed_last: str
    listed_others: str
    papers_one: str
    papers_many: str
    matched: str
    why: str
    in_this_mail: str
    sources_many: str
    code: str
    more_heading: str
    more_unnamed: str
    all_papers: str
    quiz_one: str
    quiz_many: str
    correction: str
    correction_note: str
    reply: str
    questions: str
    answers: str
    worked_out: str
    no_key: str
    paper_page: str
    why_you: str
    unsubscribe: str
    preferences: str
    numbers: tuple[str, ...]
    """0, 1, 2 … in words."""
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    long_date: str
    short_date: str
    brief_date: str
    at_once: str
    hourly: str
    every_day: str
    working_days: str
    one_weekday: str
    page: str
    other_authors: str
    over_limit: str
    colon: str
    poll_without_key: str
    poll_worked_out: str
    poll_see_above: str
    poll_position: str
    new_for_you: str
    slept: str
    away: str
    best_of: str
    all_of_it: str
    with_quiz: str
    updated: str
    your_week: str
    rose: str
    rose_term: str
    rose_from_little: str
    built_on: str
    week_score: str
    week_weak: str
    weak_topic: str
    practise: str
    gains: Mapping[str, str]
    buttons: Mapping[str, str]
    """Below an alert."""
    roles: Mapping[str, str]
    """Labels of the parts of a summary, by what they tell."""

    def count(self, papers: int) -> str:
        return (self.papers_one if papers == 1 else self.papers_many).format(count=papers)

    def quiz(self, questions: int) -> str:
        return (self.quiz_one if questions == 1 else self.quiz_many).format(count=questions)

    def listed(self, names: Sequence[str]) -> str:
        """The names as one list: `a, b and c`."""
        if len(names) == 1:
            return names[0]
        return self.listed_last.format(first=self.comma.join(names[:-1]), last=names[-1])

    def listed_more(self, names: Sequence[str], others: int) -> str:
        """The names, and how many others there are."""
        number = self.numbers[others] if others < len(self.numbers) else str(others)
        return self.listed_others.format(
            first=self.comma.join(names), others=number, count=len(names) + others
        )

    def brief_day(self, day: date) -> str:
        """The day without its year, as short as can be."""
        return self.brief_date.format(day=day.day, month=self.months[day.month - 1][:3], number=day.month)

    def short_day(self, day: date, today: date | None = None) -> str:
        """The day without its weekday, and without its year in the same year as `today`."""
        if today is not None and day.year == today.year:
            return self.brief_day(day)
        return self.short_date.format(day=day.day, month=self.months[day.month - 1][:3], year=day.year)

    def day(self, day: date) -> str:
        return self.long_date.format(
            weekday=self.weekdays[day.weekday()],
            day=day.day,
            month=self.months[day.month - 1],
            year=day.year,
        )


ENGLISH = Wording(
    language="en",
    subject_topic="{count} on {topic}",
    subject_author="{count} by {topic}",
    subject_more="{count} more",
    subject_day="{said} · {day}",
    comma=", ",
    listed_last="{first} and {last}",
    listed_others="{first} and {others} more",
    papers_one="{count} new paper",
    papers_many="{count} new papers",
    matched="Matched",
    why="Why",
    in_this_mail="In this mail",
    sources_many="{count} sources",
    code="Code",
    more_heading="+{count} more",
    more_unnamed="and {count} more",
    all_papers="All papers",
    quiz_one="Quiz: {count} question",
    quiz_many="Quiz: {count} questions",
    correction="Correction",
    correction_note="The answer that the mail of {day} gave was wrong. The digest names another one now:",
    reply="Re: {subject}",
    questions="questions, answers at the end",
    answers="Answers",
    worked_out="worked out, {sure} %",
    no_key="The digest gives no answer.",
    paper_page="Paper page",
    why_you="{address} gets this for: {subscriptions}.",
    unsubscribe="Unsubscribe",
    preferences="Change what you get",
    numbers=("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    months=(
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    long_date="{weekday}, {day} {month} {year}",
    short_date="{day} {month} {year}",
    brief_date="{day} {month}",
    at_once="at once",
    hourly="on the hour",
    every_day="every day at {at}",
    working_days="on weekdays at {at}",
    one_weekday="on {day}s at {at}",
    page="Papers {first}–{last} of {count}",
    other_authors=" and {count} more",
    over_limit="+{count} more, over your daily limit",
    colon=": ",
    poll_without_key="No official key, and no guess that is sure enough: an ordinary poll.",
    poll_worked_out="No official key: our guess, {sure} % sure.",
    poll_see_above="See above.",
    poll_position="Question {number} of {count}",
    new_for_you="{count} new for you",
    slept="While you slept ({hours}): {papers}",
    away="While you were away ({days} days): {papers}",
    best_of="the {count} best of {all}",
    all_of_it="All of it",
    with_quiz="{count} with a quiz",
    updated="Updated: {gains}",
    your_week="Your week: {papers}",
    rose="Rising: {terms}",
    rose_term="{term} ({count}, usually {before})",
    rose_from_little="{term} ({count}, hardly any before)",
    built_on="{name}, which you saved, is named here:",
    week_score="❔ {right} of {judged} questions right.",
    week_weak="Worth reading again: {topics}.",
    weak_topic="{name} ({right} of {judged})",
    practise="To practise: /quiz {name}",
    gains={
        "quiz": "quiz added", "summary": "summary added", "points": "points added",
        "title": "title corrected", "authors": "authors corrected",
    },
    buttons={
        "save": "Save", "like": "More like this", "not": "Not for me", "quiz": "Quiz me", "back": "‹ Back",
    },
    roles={
        "gist": "In short", "topic": "Topic", "idea": "Idea", "problem": "Problem",
        "method": "Method", "result": "Result", "use": "So what",
    },
)  # fmt: skip

CHINESE = Wording(
    language="zh",
    subject_topic="{topic} {count} 篇",
    subject_author="{topic} {count} 篇",
    subject_more="其他 {count} 篇",
    subject_day="{said} · {day}",
    comma="、",
    listed_last="{first}、{last}",
    listed_others="{first} 等 {count} 篇",
    papers_one="{count} 篇新论文",
    papers_many="{count} 篇新论文",
    matched="匹配",
    why="原因",
    in_this_mail="本期内容",
    sources_many="{count} 个来源",
    code="代码",
    more_heading="另有 {count} 篇",
    more_unnamed="以及其他 {count} 篇",
    all_papers="全部论文",
    quiz_one="测验：{count} 题",
    quiz_many="测验：{count} 题",
    correction="更正",
    correction_note="{day} 的邮件给出的答案有误，原文现在给出了另一个答案：",
    reply="Re: {subject}",
    questions="道测验题，答案在末尾",
    answers="答案",
    worked_out="推断所得，{sure} %",
    no_key="原文未给出答案。",
    paper_page="论文页面",
    why_you="{address} 订阅了：{subscriptions}。",
    unsubscribe="退订",
    preferences="更改订阅与设置",
    numbers=(),
    months=tuple(map(str, range(1, 13))),
    weekdays=("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    long_date="{year} 年 {month} 月 {day} 日，{weekday}",
    short_date="{year} 年 {month} 月 {day} 日",
    brief_date="{number}月{day}日",
    at_once="立即发送",
    hourly="每到整点",
    every_day="每天 {at}",
    working_days="工作日 {at}",
    one_weekday="每{day} {at}",
    page="第 {first}–{last} 篇，共 {count} 篇",
    other_authors=" 等 {total} 人",
    over_limit="另有 {count} 篇超出每日上限",
    colon="：",
    poll_without_key="没有官方答案，也推断不出可靠的答案，所以只是普通投票。",
    poll_worked_out="没有官方答案：这是我们的推断，把握 {sure} %。",
    poll_see_above="见上文。",
    poll_position="第 {number} 题，共 {count} 题",
    new_for_you="{count} 篇新论文",
    slept="你休息期间（{hours}）：{papers}",
    away="你离开的 {days} 天里：{papers}",
    best_of="{all} 篇中最好的 {count} 篇",
    all_of_it="全部",
    with_quiz="{count} 篇带测验",
    updated="已更新：{gains}",
    your_week="你的一周：{papers}",
    rose="近来增多：{terms}",
    rose_term="{term}（{count}，平时 {before}）",
    rose_from_little="{term}（{count}，以前很少）",
    built_on="这些论文提到了你保存的 {name}：",
    week_score="❔ 答对 {right}/{judged} 题。",
    week_weak="值得重读：{topics}。",
    weak_topic="{name}（{right}/{judged}）",
    practise="练习：/quiz {name}",
    gains={
        "quiz": "新增测验",
        "summary": "新增摘要",
        "points": "新增要点",
        "title": "标题已更正",
        "authors": "作者已更正",
    },
    buttons={"save": "保存", "like": "更多类似", "not": "不感兴趣", "quiz": "考考我", "back": "‹ 返回"},
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
