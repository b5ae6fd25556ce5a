"""The first two files of a new installation: commented, and working as written."""

from importlib.resources import files
from pathlib import Path

from bot.domain.errors import UsageError

SETTINGS_NAME = "paperboy.yaml"
SUBSCRIPTIONS_NAME = "subscriptions.yaml"
_USUAL_FOLDER = "config"
_OTHER_CHANNELS = """\
      #- email: me@example.org
      #  deliver: weekdays at 08:00     # immediately | hourly | daily at HH:MM | mondays at HH:MM
"""
_WITH_CHAT = """\
      - telegram: {chat_id}
        quizzes: true                   # a poll per question; or 1: one a paper
"""
_WITHOUT_CHAT = """\
      - atom: true                      # a private feed
      #- telegram: 123456789            # your chat's id: the bot tells it when you send /start
      #  quizzes: true                  # a poll per question; or 1: one a paper
"""


def settings_template(*, subscriptions: str = f"{_USUAL_FOLDER}/{SUBSCRIPTIONS_NAME}") -> str:
    """The text of a new paperboy.yaml; `subscriptions` is the other file as this one has to name it."""
    text = _template(SETTINGS_NAME)
    usual = f"{_USUAL_FOLDER}/{SUBSCRIPTIONS_NAME}"
    return (
        text
        if subscriptions == usual
        else text.replace(f"#subscriptions: {usual}", f"subscriptions: {subscriptions}")
    )


def subscriptions_template(*, chat_id: int | None = None) -> str:
    """The text of a new subscriptions.yaml: one subscriber, who is the Telegram chat where one is given."""
    feed = "      #- atom: true                     # a private feed\n"
    first = _WITH_CHAT.format(chat_id=chat_id) + feed if chat_id is not None else _WITHOUT_CHAT
    return _template(SUBSCRIPTIONS_NAME).replace("{channels}\n", first + _OTHER_CHANNELS)


def write_templates(folder: Path, *, chat_id: int | None, name: str = SETTINGS_NAME) -> list[Path]:
    """Writes both files into the folder (made where it is missing) and gives their paths.

    UsageError where either file exists already, or cannot be written: then nothing is left behind.
    """
    other = (
        SUBSCRIPTIONS_NAME
        if folder.absolute().name != _USUAL_FOLDER
        else f"{_USUAL_FOLDER}/{SUBSCRIPTIONS_NAME}"
    )
    texts = {
        folder / name: settings_template(subscriptions=other),
        folder / SUBSCRIPTIONS_NAME: subscriptions_template(chat_id=chat_id),
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
    return written


def refuse_to_overwrite(folder: Path, *, name: str = SETTINGS_NAME) -> None:
    """UsageError where either file exists already."""
    for path in (folder / name, folder / SUBSCRIPTIONS_NAME):
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} exists already; init never overwrites: move it away, or edit it")


def _template(name: str) -> str:
    return (files("bot.app.config") / "templates" / name).read_text(encoding="utf-8")
