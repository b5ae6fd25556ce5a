"""Makes deploy/paperboy.1, the man page, from the commands: `python -m tools.man`."""

from pathlib import Path
from typing import Any

from typer.main import get_command

from bot import __version__
from bot.app.cli.help import argument_name, option_entry, paragraphs
from bot.app.cli.main import COMMANDS, GROUP_EXAMPLES, command_line

PAGE = Path(__file__).resolve().parents[1] / "deploy" / "paperboy.1"
_EXIT = (
    ("0", "done"),
    ("1", "done, but something needs a look: a dead letter, an alarm, an unreadable file"),
    ("2", "wrong usage or configuration"),
    ("3", "the state cannot be used: newer than this program, damaged, or of another one"),
)
_FILES = (
    ("config/paperboy.yaml", "the settings; relative paths start at the folder above config/"),
    ("config/subscriptions.yaml", "who gets what; read again whenever it changes"),
    ("config/telegram.token", "the bot's token, as `paperboy init` writes it"),
    ("state/", "the state, feeds, previews and, without a mail server, mails"),
)


def man_page() -> str:
    """The page in roff (man macros), lines ended by line feeds."""
    root: Any = get_command(command_line())
    lines = [
        f'.TH PAPERBOY 1 "" "paperboy {__version__}" "User Commands"',
        ".SH NAME",
        r"paperboy \- digests of new papers as alerts, mails, feeds and quizzes",
        ".SH SYNOPSIS",
        ".B paperboy",
        _text("[OPTIONS] COMMAND [ARGUMENTS]…"),
        ".SH DESCRIPTION",
        *_paragraphs(root.help),
        ".SH OPTIONS",
        *_options(root),
        ".SH COMMANDS",
    ]
    for entry in COMMANDS:
        command = root.commands[entry.name]
        parts = getattr(command, "commands", {})
        lines += _command(command, entry.name, entry.examples if not parts else ())
        for name, part in parts.items():
            lines += _command(part, f"{entry.name} {name}", GROUP_EXAMPLES.get(f"{entry.name} {name}", ()))
    lines += [".SH EXIT STATUS", *_pairs(_EXIT), ".SH FILES", *_pairs(_FILES)]
    lines += [
        ".SH ENVIRONMENT",
        *_pairs([("PAPERBOY_CONFIG", "the settings file, where --config is not given")]),
    ]
    return "\n".join(lines) + "\n"


def _command(command: Any, name: str, examples: tuple[str, ...]) -> list[str]:
    arguments = " ".join(argument_name(part) for part in command.params if part.param_type_name == "argument")
    lines = [".SS " + _text(f"paperboy {name} {arguments}".strip())]
    lines += [*_paragraphs(command.help or ""), *_options(command)]
    if examples:
        lines += [
            ".PP",
            "Examples:",
            ".PP",
            ".nf",
            ".RS",
            *(_text(f"paperboy {text}") for text in examples),
            ".RE",
            ".fi",
        ]
    return lines


def _paragraphs(text: str) -> list[str]:
    lines = [line for paragraph in paragraphs(text) for line in (".PP", _text(paragraph))]
    return lines[1:]


def _options(command: Any) -> list[str]:
    options = (part for part in command.params if part.param_type_name == "option" and not part.hidden)
    return _pairs(map(option_entry, options))


def _pairs(pairs: Any) -> list[str]:
    return [line for name, about in pairs for line in (".TP", f".B {_text(name)}", _text(about))]


def _text(text: str) -> str:
    """Text for roff: hyphens that can be copied, backslashes kept, no line that looks like a macro."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("…", "...")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.write_text(man_page(), encoding="utf-8")
    print(f"wrote {PAGE}")
