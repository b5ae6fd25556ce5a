"""Help pages of the commands: plain text that fits the terminal, with bold headings where it shows them."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from typer.core import TyperCommand, TyperGroup

from bot.app.cli.terminal import Style, style_of

_WIDEST = 100
"""Columns; longer lines are hard to read."""
_NARROWEST = 24
"""Columns of a description beside its name."""
_GAP = 2
_COMMANDS = "Commands"

Definition = tuple[str, str]
"""A name and its description."""


class _WithHelpPage:
    """A command whose help is a page of `help_page`."""

    def format_help(self, context: Any, formatter: Any) -> None:
        width = min(get_terminal_size().columns, _WIDEST)
        formatter.write(help_page(self, context, width=width, style=style_of(sys.stdout)))


class HelpCommand(_WithHelpPage, TyperCommand):
    """A command."""


class HelpGroup(_WithHelpPage, TyperGroup):
    """A command with commands below it."""


def help_page(command: Any, context: Any, *, width: int, style: Style) -> str:
    """The page of a command: usage, description, commands, arguments, options, and the examples in its epilog."""
    options = [part for part in command.get_params(context) if part.param_type_name == "option"]
    arguments = [part for part in command.params if part.param_type_name == "argument"]
    groups = _command_groups(command)
    width_of_names = max((len(name) for group in groups.values() for name, _ in group), default=0)
    sections: dict[str, list[Definition]] = {
        **{
            title: [(name.ljust(width_of_names), about) for name, about in group]
            for title, group in groups.items()
        },
        "Arguments": [(argument_name(part), part.help or "") for part in arguments],
        "Options": [option_entry(part) for part in options if not part.hidden],
    }
    blocks = [_wrapped(_usage(command, context, arguments), width, hanging="       ")]
    blocks += (_wrapped(paragraph, width) for paragraph in paragraphs(command.help or ""))
    blocks += (
        "\n".join([style.strong(title), *_definition_lines(definitions, width)])
        for title, definitions in sections.items()
        if definitions
    )
    if command.epilog:
        blocks.append(
            "\n".join([style.strong("Examples"), *(f"  {line}" for line in command.epilog.splitlines())])
        )
    return "\n\n".join(blocks) + "\n"


def _usage(command: Any, context: Any, arguments: Iterable[Any]) -> str:
    words = ["COMMAND"] if isinstance(command, TyperGroup) else [argument_name(part) for part in arguments]
    return " ".join(["Usage:", context.command_path, *words, "[OPTIONS]"])


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text, each on one line."""
    return (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _command_groups(command: Any) -> dict[str, list[Definition]]:
    """The commands below a command, by the title of their group."""
    groups: dict[str, list[Definition]] = {}
    for name, below in getattr(command, "commands", {}).items():
        first = next(paragraphs(below.help or ""))
        groups.setdefault(below.rich_help_panel or _COMMANDS, []).append((name, first))
    return groups


def argument_name(part: Any) -> str:
    """An argument as usage lines show it: `[NAME]` if it can be left out, `NAME...` if it can be repeated."""
    name = (part.metavar or part.human_readable_name.upper()) + ("..." if part.nargs == -1 else "")
    return name if part.required else f"[{name}]"


def option_entry(part: Any) -> Definition:
    """The names of an option with its value, and its description with the default."""
    value = "" if part.is_flag or part.count else f" {part.metavar or 'VALUE'}"
    about = part.help or ""
    if part.show_default and part.default and not part.is_flag:
        about = f"{about.rstrip('.')} (default: {part.default})."
    return ", ".join(sorted(part.opts, key=len)) + value, about


def _definition_lines(definitions: Sequence[Definition], width: int) -> Iterator[str]:
    """Names in one column and their descriptions beside them, or below them where the terminal is narrow."""
    column = max(len(name) for name, _ in definitions) + 2 * _GAP
    beside = width - column >= _NARROWEST
    for name, about in definitions:
        if beside:
            yield _wrapped(about, width, first=f"  {name}".ljust(column), hanging=" " * column)
        else:
            yield f"  {name}".rstrip()
            yield _wrapped(about, width, first="      ", hanging="      ")


def _wrapped(text: str, width: int, *, first: str = "", hanging: str = "") -> str:
    return fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
