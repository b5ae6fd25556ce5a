"""`paperboy init`: the first two configuration files, commented and working as written."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.app.cli.context import DEFAULT_CONFIG, ConfigOption, config_path
from bot.domain.errors import DeliveryError, TryLater, UsageError

SUBSCRIPTIONS_NAME = "subscriptions.yaml"
_SUBSCRIPTIONS = f"{DEFAULT_CONFIG.parent}/{SUBSCRIPTIONS_NAME}"
_POLL = timedelta(seconds=25)
_PATIENCE = timedelta(minutes=5)
_OTHER_CHANNELS = """\
      #- email: me@example.org
      #  deliver: weekdays at 08:00     # immediately | hourly | daily at HH:MM | mondays at HH:MM
"""
_WITH_CHAT = """\
      - telegram: {chat_id}
        quizzes: true                   # a poll per question; or 1: one a paper
      #- atom: true                     # a private feed
"""
_WITHOUT_CHAT = """\
      - atom: true                      # a private feed
      #- telegram: 123456789            # your chat's id: the bot tells it when you send /start
      #  quizzes: true                  # a poll per question; or 1: one a paper
"""


def init(
    context: typer.Context,
    telegram: Annotated[
        str | None,
        typer.Option(
            "--telegram", metavar="TOKEN", help="Wait for your /start to this bot and fill your chat's id in."
        ),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Write both configuration files, commented; never overwrites."""
    path = config_path(context, config)
    refuse_to_overwrite(path.parent, name=path.name)
    chat_id = None if telegram is None else wait_for_start(telegram, say=typer.echo)
    for written in write_templates(path.parent, chat_id=chat_id, name=path.name):
        typer.echo(f"wrote {written}")
    if telegram is not None:
        typer.echo(
            "next: export PAPERBOY_TELEGRAM_TOKEN=…, or name a file that holds it (telegram.token_file)"
        )
    typer.echo("next: edit your keywords, then `paperboy check` and `paperboy run`")
    return 0


def settings_template(*, subscriptions: str = _SUBSCRIPTIONS) -> str:
    """The text of a new paperboy.yaml that names the other file as `subscriptions`.

    It is config/paperboy.yaml, which the wheel carries beside the other template.
    """
    from importlib.resources import files

    packaged = files("bot.app.config") / "templates" / DEFAULT_CONFIG.name
    checkout = Path(__file__).resolve().parents[3] / DEFAULT_CONFIG
    text = (packaged if packaged.is_file() else checkout).read_text(encoding="utf-8")
    if subscriptions == _SUBSCRIPTIONS:
        return text
    return text.replace(f"#subscriptions: {_SUBSCRIPTIONS}", f"subscriptions: {subscriptions}")


def subscriptions_template(*, chat_id: int | None = None) -> str:
    """The text of a new subscriptions.yaml with one subscriber: the Telegram chat, or a private feed."""
    from importlib.resources import files

    channels = _WITHOUT_CHAT if chat_id is None else _WITH_CHAT.format(chat_id=chat_id)
    template = files("bot.app.config") / "templates" / SUBSCRIPTIONS_NAME
    return template.read_text(encoding="utf-8").replace("{channels}\n", channels + _OTHER_CHANNELS)


def write_templates(
    folder: Path, *, chat_id: int | None, name: str = DEFAULT_CONFIG.name
) -> tuple[Path, Path]:
    """Writes both files into the folder, which is made if it is missing; gives their paths, settings first.

    Raises UsageError if either file exists or cannot be written; then neither is left behind.
    """
    in_config = folder.absolute().name == DEFAULT_CONFIG.parent.name
    settings, subscriptions = folder / name, folder / SUBSCRIPTIONS_NAME
    texts = {
        settings: settings_template(subscriptions=_SUBSCRIPTIONS if in_config else SUBSCRIPTIONS_NAME),
        subscriptions: subscriptions_template(chat_id=chat_id),
    }
    refuse_to_overwrite(folder, name=name)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = (error.strerror or "cannot be written").lower()
        raise UsageError(f"{error.filename or folder}: {reason}; choose a folder you may write to") from error
    return settings, subscriptions


def refuse_to_overwrite(folder: Path, *, name: str = DEFAULT_CONFIG.name) -> None:
    """Raises UsageError if either file exists."""
    for path in (folder / name, folder / SUBSCRIPTIONS_NAME):
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} exists already; init never overwrites: move it away, or edit it")


def wait_for_start(token: str, *, say: Callable[[str], object], api_url: str | None = None) -> int:
    """The id of the first chat that sends /start; raises UsageError for a refused token or after 5 minutes.

    The update is not confirmed, so that `run` answers it later.
    """
    import asyncio

    return asyncio.run(_wait_for_start(token, say, api_url))


async def _wait_for_start(token: str, say: Callable[[str], object], api_url: str | None) -> int:
    import asyncio

    from bot.adapters.telegram.client import DEFAULT_API_URL, BotClient

    client = BotClient(token, api_url=api_url or DEFAULT_API_URL)
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            link = f"https://t.me/{await client.username()}"
            say(f"Send /start to {link} (waiting up to five minutes; Ctrl-C ends it)")
            while True:
                for update in await _new_messages(client):
                    chat = _started_chat(update)
                    if chat is not None:
                        return chat
                await asyncio.sleep(1)
    except TimeoutError as error:
        raise UsageError("nobody sent /start to the bot; try again, or use `paperboy init` alone") from error
    except DeliveryError as error:
        raise UsageError(f"{error}; `paperboy init` alone needs no bot") from error
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


def _started_chat(update: Mapping[str, Any]) -> int | None:
    """The id of the chat that sent /start; None for any other update."""
    message = update.get("message") or {}
    words = str(message.get("text", "")).split()
    if not words or words[0].partition("@")[0] != "/start":
        return None
    return int(message["chat"]["id"])
