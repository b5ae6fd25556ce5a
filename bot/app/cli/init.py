"""`paperboy init`: asks for keywords, sources and a bot, writes the first configuration and sends a first paper."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.app.cli.context import (
    DEFAULT_CONFIG,
    NEEDS_A_LOOK,
    ConfigOption,
    JsonOption,
    config_path,
    say_json,
)
from bot.app.cli.logs import no_logs
from bot.domain.errors import DeliveryError, TryLater, UsageError
from bot.domain.text import counted, printable

if TYPE_CHECKING:
    from bot.app.config.known_sources import SourceEntry
    from bot.app.config.new_files import FirstConfiguration
    from bot.app.sample import SampleMessage

_POLL = timedelta(seconds=25)
_PATIENCE = timedelta(minutes=5)
_DEFAULT_SOURCE = "1"
Echo = Callable[[str], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class StartedChat:
    """A chat that sent /start, and the name it shows."""

    id: int
    name: str


def init(
    context: typer.Context,
    keywords: Annotated[
        list[str] | None,
        typer.Option(
            "--keywords", metavar="QUERIES", help="What to look for, separated by commas; can be repeated."
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="A known source (`--source list` shows them), a git or web address, or ./FOLDER; can be repeated.",
        ),
    ] = None,
    telegram: Annotated[
        str | None,
        typer.Option(
            "--telegram",
            metavar="FILE",
            help="File with the bot's token, or - for standard input; never the token itself.",
        ),
    ] = None,
    chat: Annotated[
        str | None,
        typer.Option("--chat", metavar="ID", help="Your chat's id, instead of waiting for your /start."),
    ] = None,
    api_url: Annotated[
        str | None, typer.Option("--api-url", metavar="URL", help="Your own Bot API server.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Your time zone (default: this machine's)."),
    ] = None,
    no_input: Annotated[
        bool,
        typer.Option("--no-input", help="Ask nothing; use defaults for what the options leave out."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write both configuration files and send you a first paper.

    On a terminal it asks for what the options leave out. It never overwrites a file. The token goes into a file of its
    own that only you can read. Exit 1 if the paper could not be sent.
    """
    from bot.app.config.new_files import FirstConfiguration, refuse_to_overwrite, write_first_configuration

    if source == ["list"]:
        return _list_sources(as_json=as_json)
    say: Echo = (lambda text: typer.echo(text, err=True)) if as_json else typer.echo
    path = config_path(context, config)
    first = FirstConfiguration(folder=path.parent, name=path.name)
    refuse_to_overwrite(first)
    ask = sys.stdin.isatty() and not no_input
    first = replace(
        first,
        timezone=_zone(timezone),
        keywords=_keywords(keywords, ask=ask, say=say),
        sources=_sources(source, first, ask=ask, say=say),
        api_url=_checked_api_url(api_url),
        chat=_checked_chat(chat),
    )
    first = _with_bot(first, telegram, ask=ask, say=say)
    files = write_first_configuration(first)
    say(f"Wrote {', '.join(map(str, files))} ({'all ' if len(files) > 1 else ''}0600).")
    sent = _send_first_paper(first, say)
    say(_next_step(first, path))
    if as_json:
        say_json(_json(first, files, sent))
    return NEEDS_A_LOOK if any(message.error for message in sent) else 0


def _list_sources(*, as_json: bool) -> int:
    from bot.app.cli.terminal import print_table
    from bot.app.config.known_sources import known_sources

    if as_json:
        say_json({"sources": [{"name": item.source.name, "brings": item.about} for item in known_sources()]})
        return 0
    rows = [(str(number), item.source.name, item.about) for number, item in enumerate(known_sources(), 1)]
    print_table(("", "source", "brings"), rows)
    return 0


def _zone(name: str | None) -> str:
    from bot.app.config.new_files import local_timezone
    from bot.domain.schedule import parse_zone

    if name is None:
        return local_timezone()
    try:
        return parse_zone(name).key
    except ValueError as error:
        raise UsageError(f"--timezone: {error}") from error


def _keywords(option: Sequence[str] | None, *, ask: bool, say: Echo) -> tuple[str, ...]:
    if option is not None or not ask:
        return parse_keywords(",".join(option or ()))
    while True:
        text = typer.prompt(
            "What should it look for? (agents, rag, …; Enter: an example)", default="", show_default=False
        )
        try:
            return parse_keywords(text)
        except UsageError as error:
            say(str(error))


def parse_keywords(text: str) -> tuple[str, ...]:
    """The queries in a text, split at commas outside quotes and parentheses; raises UsageError for a wrong one."""
    from bot.domain.errors import QuerySyntaxError
    from bot.domain.query import parse

    queries = [piece.strip() for piece in re.findall(r'(?:"[^"]*"|\([^)]*\)|[^,"(]|["(])+', text)]
    for query in filter(None, queries):
        try:
            parse(query)
        except QuerySyntaxError as error:
            raise UsageError(f"the keyword {printable(query)!r}: {error}") from error
    return tuple(dict.fromkeys(filter(None, queries)))


def _sources(
    option: Sequence[str] | None, first: "FirstConfiguration", *, ask: bool, say: Echo
) -> "tuple[SourceEntry, ...]":
    if option is not None or not ask:
        return _named_apart(_chosen(text, first) for text in option or ())
    from bot.app.config.known_sources import known_sources

    say("Where do digests come from?")
    width = get_terminal_size().columns
    for number, item in enumerate(known_sources(), 1):
        name = f"  {number:>2}  {item.source.name:<27} "
        say(fill(item.about, width, initial_indent=name, subsequent_indent=" " * len(name)))
    say("      or ./FOLDER, a git or web address, arxiv:cs.CL; several with blanks between")
    while True:
        text = typer.prompt("Sources", default=_DEFAULT_SOURCE)
        try:
            return _named_apart(_chosen(word, first) for word in text.split())
        except UsageError as error:
            say(str(error))


def _named_apart(sources: "Iterable[SourceEntry]") -> "tuple[SourceEntry, ...]":
    """The sources without repetitions; a name that is already taken gets a number appended."""
    named: dict[str, SourceEntry] = {}
    for source in dict.fromkeys(sources):
        names = chain([source.name], (f"{source.name}-{number}" for number in count(2)))
        name = next(name for name in names if name not in named)
        named[name] = replace(source, name=name)
    return tuple(named.values())


def _chosen(text: str, first: "FirstConfiguration") -> "SourceEntry":
    """The source that the text names; a folder becomes relative to the base folder if it is inside, else absolute."""
    from bot.app.config.known_sources import choose_source

    source = choose_source(text)
    if not source.watched:
        return source
    folder = Path(source.watched).expanduser().absolute()
    inside = folder.is_relative_to(first.base.absolute())
    return replace(source, watched=str(folder.relative_to(first.base.absolute()) if inside else folder))


def _token(option: str | None, *, ask: bool, say: Echo) -> str:
    if option is not None:
        return checked_token(_read_token(option))
    while ask:
        text = typer.prompt(
            "Telegram? Paste the bot's token from @BotFather (hidden; Enter: later)",
            default="",
            show_default=False,
            hide_input=True,
        )
        if not text.strip():
            break
        try:
            return checked_token(text)
        except UsageError as error:
            say(str(error))
    return ""


def _read_token(option: str) -> str:
    from bot.app.config.addresses import is_bot_token

    if option == "-":
        return sys.stdin.readline()
    if is_bot_token(option.strip()):
        raise UsageError(
            "a token on the command line is seen by everybody on this machine and stays in the shell's history; "
            "give it on standard input (`--telegram -`), in a file (`--telegram FILE`), or when asked"
        )
    try:
        return Path(option).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "is not text").lower()
        raise UsageError(
            f"--telegram {printable(option)}: {reason}; name the file with the token, or - for standard input"
        ) from error


def checked_token(text: str) -> str:
    """The token, stripped; raises UsageError if it is none, without repeating it."""
    from bot.app.config.addresses import is_bot_token

    token = text.strip()
    if not is_bot_token(token):
        raise UsageError("this is no bot token; @BotFather gives one like 123456789:AAE…")
    return token


def _checked_api_url(url: str | None) -> str:
    from bot.app.config.addresses import parse_web_address
    from bot.app.config.validation import FieldFault

    try:
        return parse_web_address(url) if url else ""
    except FieldFault as error:
        raise UsageError(f"--api-url {error}") from error


def _checked_chat(option: str | None) -> int | str | None:
    if option is None:
        return None
    if not re.fullmatch(r"-?[1-9]\d{0,15}|@[A-Za-z]\w{3,31}", option):
        raise UsageError('--chat must be a chat id like 123456789 or "@channel"')
    return option if option.startswith("@") else int(option)


def _with_bot(
    first: "FirstConfiguration", option: str | None, *, ask: bool, say: Echo
) -> "FirstConfiguration":
    """The configuration with the token and a chat: that of `--chat`, else the first one that sends /start.

    If a typed token does not work, it is asked for again.
    """
    while True:
        first = replace(first, token=_token(option, ask=ask, say=say))
        if first.chat is not None or not first.token:
            return first
        try:
            started = wait_for_start(first.token, say=say, api_url=first.api_url or None)
        except UsageError as error:
            if option is not None:
                raise
            say(str(error))
        else:
            say(f"found: {printable(started.name)} ({started.id})")
            return replace(first, chat=started.id)


def _send_first_paper(first: "FirstConfiguration", say: Echo) -> "list[SampleMessage]":
    """Send one paper and one question to the chat; nothing without a bot."""
    if not first.token or first.chat is None:
        return []
    import asyncio
    import os

    from bot.app.config.settings import load_settings
    from bot.app.config.subscriptions import load_subscribers
    from bot.app.sample import choose_paper, send_sample

    no_logs()
    settings = load_settings(first.settings, os.environ)
    (subscriber,) = load_subscribers(first.subscriptions)
    messages = asyncio.run(send_sample(settings, subscriber, choose_paper(subscriber, None)))
    papers = sum(message.kind == "alert" and not message.error for message in messages)
    questions = sum(message.kind == "quiz" and not message.error for message in messages)
    if papers:
        say(f"Sent you {counted(papers, 'paper')} and {counted(questions, 'question')}.")
    for message in messages:
        if message.error:
            say(f"The {message.kind} was not sent: {printable(message.error)}")
    return messages


def _next_step(first: "FirstConfiguration", path: Path) -> str:
    command = "paperboy run" if path == DEFAULT_CONFIG else f"paperboy --config {path} run"
    if first.sources and not any(source.watched for source in first.sources):
        return f"Next: {command}"
    return f"Next: {command}   (digests are read from {', '.join(first.watched)}/)"


def _json(
    first: "FirstConfiguration", files: Sequence[Path], sent: "Sequence[SampleMessage]"
) -> dict[str, Any]:
    return {
        "files": [str(file) for file in files],
        "folders": first.watched,
        "sources": [source.name for source in first.sources],
        "timezone": first.timezone,
        "chat": first.chat,
        "sent": [
            {"target": message.target, "kind": message.kind, "error": message.error} for message in sent
        ],
    }


def wait_for_start(token: str, *, say: Echo, api_url: str | None = None) -> StartedChat:
    """The first chat that sends /start; raises UsageError for a refused token or after 5 minutes.

    The update is not confirmed, so that `run` answers it later.
    """
    import asyncio

    return asyncio.run(_wait_for_start(token, say, api_url))


async def _wait_for_start(token: str, say: Echo, api_url: str | None) -> StartedChat:
    import asyncio

    from bot.adapters.telegram.client import DEFAULT_API_URL, BotClient, WrongToken

    client = BotClient(token, api_url=api_url or DEFAULT_API_URL)
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            name = await client.username()
            say(f"Say /start to @{name}: https://t.me/{name} (waiting up to five minutes; Ctrl-C ends it) …")
            while True:
                for update in await _new_messages(client):
                    chat = _started_chat(update)
                    if chat is not None:
                        return chat
                await asyncio.sleep(1)
    except WrongToken as error:
        raise UsageError("Telegram does not know this token; @BotFather shows yours at /mybots") from error
    except TimeoutError as error:
        raise UsageError("nobody sent /start to the bot; try again, or name your chat with --chat") from error
    except DeliveryError as error:
        raise UsageError(f"{error}; without a token no bot is needed") from error
    finally:
        await client.close()


async def _new_messages(client: Any) -> tuple[Mapping[str, Any], ...]:
    try:
        updates: tuple[Mapping[str, Any], ...] = await client.updates(
            offset=None, wait=_POLL, kinds=["message"]
        )
    except TryLater:
        return ()
    return updates


def _started_chat(update: Mapping[str, Any]) -> StartedChat | None:
    """The chat that sent /start; None for any other update."""
    message = update.get("message") or {}
    words = str(message.get("text", "")).split()
    if not words or words[0].partition("@")[0] != "/start":
        return None
    chat = message["chat"]
    name = chat.get("title") or chat.get("first_name") or chat.get("username") or "you"
    return StartedChat(id=int(chat["id"]), name=str(name))
