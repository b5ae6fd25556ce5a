"""A small IMAP server on loopback (RFC 9051): one folder of mails, with TLS."""

import asyncio
import re
import ssl
from typing import Self


class ImapRig:
    """Holds `mails`, whose UIDs count from 1; `seen` are the UIDs of those that are marked so."""

    def __init__(self, tls: ssl.SSLContext, *, password: str) -> None:
        self.mails: list[bytes] = []
        self.seen: set[int] = set()
        self.selected = ""
        self.fetched = 0
        self._tls = tls
        self._password = password
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._session, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            writer.write(b"* OK ready\r\n")
            while line := (await reader.readline()).decode().strip():
                tag, _, command = line.partition(" ")
                writer.write(self._answer(command).encode("latin-1").replace(b"TAG", tag.encode()))
                await writer.drain()
                if command == "LOGOUT":
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._sessions.discard(task)
            writer.transport.abort()

    def _answer(self, command: str) -> str:  # noqa: PLR0911 - one a command
        words = command.split()
        match [word.upper() for word in words[:2]]:
            case ["CAPABILITY", *_]:
                return "* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
            case ["LOGIN", *_]:
                right = words[2].strip('"') == self._password
                return "TAG OK in\r\n" if right else f"TAG NO LOGIN failed for {command}\r\n"
            case ["SELECT", *_]:
                self.selected = command.partition(" ")[2][1:-1].replace('\\"', '"')
                return f"* {len(self.mails)} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\nTAG OK [READ-WRITE] done\r\n"
            case ["UID", "SEARCH"]:
                found = " ".join(str(uid) for uid in range(1, len(self.mails) + 1) if uid not in self.seen)
                return f"* SEARCH {found}\r\nTAG OK done\r\n"
            case ["UID", "FETCH"]:
                self.fetched += 1
                uid, most = int(words[2]), int(re.findall(r"<0\.(\d+)>", command)[0])
                mail = self.mails[uid - 1][:most].decode("latin-1")
                return f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(mail)}}}\r\n{mail})\r\nTAG OK done\r\n"
            case ["UID", "STORE"]:
                self.seen.add(int(words[2]))
                return "TAG OK done\r\n"
            case _:
                return "TAG OK done\r\n"
