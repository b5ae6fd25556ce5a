"""Mails into a Maildir that mail programs can read."""

import mailbox
import os
from pathlib import Path

import pytest

from bot.adapters.email.transports import MaildirTransport
from bot.domain.errors import ChannelDown, TryLater

MESSAGE = b"Subject: hello\r\n\r\nA line.\r\n"


async def deliver(folder: Path, message: bytes = MESSAGE, name: str = "b1") -> None:
    await MaildirTransport(folder).deliver(message, sender="a@b.c", recipient="d@e.f", name=name)


async def test_a_mail_lies_whole_in_new_and_nothing_is_left_in_tmp(tmp_path: Path) -> None:
    await deliver(tmp_path / "mail")
    (mail,) = mailbox.Maildir(tmp_path / "mail", create=False)
    assert (mail["Subject"], mail.get_payload(), mail.get_subdir()) == ("hello", "A line.\n", "new")
    assert not list((tmp_path / "mail" / "tmp").iterdir())


async def test_a_second_try_takes_the_place_of_the_first(tmp_path: Path) -> None:
    await deliver(tmp_path)
    await deliver(tmp_path)
    await deliver(tmp_path, name="b2")
    assert len(mailbox.Maildir(tmp_path, create=False)) == 2


async def test_a_mail_that_was_read_meanwhile_does_not_come_again(tmp_path: Path) -> None:
    await deliver(tmp_path)
    (mail,) = (tmp_path / "new").iterdir()
    mail.rename(tmp_path / "cur" / f"{mail.name}:2,S")
    await deliver(tmp_path)
    assert not list((tmp_path / "new").iterdir())


async def test_a_half_written_draft_of_a_crash_is_replaced(tmp_path: Path) -> None:
    await deliver(tmp_path, name="b0")
    (tmp_path / "tmp" / "b1.paperboy").write_bytes(b"Subj")
    await deliver(tmp_path)
    assert (tmp_path / "new" / "b1.paperboy").read_bytes() == MESSAGE.replace(b"\r\n", b"\n")


async def test_a_folder_that_cannot_be_written_stops_the_channel(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ChannelDown, match=r"set email\.transport"):
        await deliver(tmp_path / "file" / "mail")


async def test_a_full_disk_is_tried_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TryLater, match="No space left"):
        await deliver(tmp_path)
