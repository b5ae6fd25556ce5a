"""How fast the web server is: `python -m benchmarks.web [PAPERS] [--only feeds|pages|search|memory]`.

PAPERS is 6,000 by default. Server, client and, where it is installed, nginx run in processes of their own; sixteen
connections ask one after the other. Rates are the best of several short rounds, taken in turn, so that a busy machine
disturbs all alike; the ratios are what counts. The client takes part of the time of each request, so beside the rate stands
the server's own processor time. nginx serves the same feed as a file. Limits: feed 0.5 x nginx, 304 0.4 x, pages 2,000 a
second with the slowest hundredth under 20 ms, search 50 ms at the slowest twentieth (150 ms over 100,000 papers).

Each search is asked once, by a reader who is alone and by a new connection, so that nothing of it is kept; the time of the whole
answer and that of the server's processor are told. `--only search` with 100,000 papers takes some minutes to store them.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

from benchmarks.preview import filled, vocabulary

CONNECTIONS = 16
ROUNDS = 7
REQUESTS = 4_000
SEARCHES = 60
SHAPES = (
    "{word}",
    "{word} {other}",
    "{word} AND {other}",
    "{third} OR {word}",
    "{other} AND NOT {word}",
    "title:{word}",
    "{word:.4}*",
    "{word} NEAR/5 {third}",
    '"{word} {other}" AND {third}',
    "={word}",
)
"""Searches in turn, of words that are in nearly every paper down to some hundred."""
MEMORY_REQUESTS = 20_000
_PROC = Path("/proc")
_IDLE = 0.05
"""Seconds of the processor in one second."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run_server(folder: str) -> None:
    from bot.app.config.settings import load_settings
    from bot.app.container import build_container, start_web

    async def main() -> None:
        container = build_container(
            load_settings(Path(folder) / "config/paperboy.yaml", {}), (), publishers={}
        )
        await start_web(container)
        await asyncio.sleep(100_000)

    asyncio.run(main())


@contextmanager
def paperboy(folder: Path, port: int) -> Iterator[int]:
    """The server on that port; gives its process id."""
    text = f"state: sqlite:///{folder}/state.sqlite3\nweb: {{listen: '127.0.0.1:{port}'}}\nsite: {{url: 'http://127.0.0.1:{port}'}}\n"
    (folder / "config/paperboy.yaml").write_text(text, encoding="utf-8")
    process = multiprocessing.get_context("spawn").Process(
        target=run_server, args=(str(folder),), daemon=True
    )
    process.start()
    until_open(port)
    assert process.pid is not None
    until_idle(process.pid)
    yield process.pid
    process.terminate()
    process.join()


@contextmanager
def nginx(folder: Path, port: int, body: bytes) -> Iterator[int | None]:
    """nginx with one process, whose id it gives, over the same file; None where it is not installed."""
    program = shutil.which("nginx")
    if program is None:
        yield None
        return
    (folder / "www").mkdir()
    (folder / "www/feed.atom").write_bytes(body)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; open_file_cache max=10;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}\n"
    )
    folder.chmod(0o755)
    process = subprocess.Popen(
        [program, "-c", str(configuration), "-p", str(folder)], stderr=subprocess.DEVNULL
    )
    until_open(port)
    yield process.pid
    process.terminate()
    process.wait()


def until_open(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server does not come up")


def until_idle(pid: int) -> None:
    """Wait for what the start sets off beside: the index of related papers."""
    before = -1.0
    while (now := run_time(pid)) - before > _IDLE:
        before = now
        time.sleep(1)


class Connection(asyncio.Protocol):
    """A client that sends the same request again as soon as its answer is whole."""

    def __init__(self, requests: list[bytes], times: list[float], done: asyncio.Future[None]) -> None:
        self._requests, self._times, self._done = requests, times, done
        self._left, self._head = 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        if not self._requests:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._begun = time.perf_counter()
        self._transport.write(self._requests.pop())

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            head, found, rest = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._head = b""
            lower = head.lower()
            at = lower.find(b"content-length:")
            self._left = (int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0) - len(rest)
        if self._left <= 0:
            self._left = 0
            self._times.append(time.perf_counter() - self._begun)
            self._next()


async def asked(
    port: int, paths: list[str], headers: str, count: int, connections: int
) -> tuple[float, list[float]]:
    """Seconds for so many requests in all, and each one's time."""
    loop, times, waits = asyncio.get_running_loop(), list[float](), []
    begun = time.perf_counter()
    for number in range(connections):
        requests = [
            f"GET {paths[(number + step * connections) % len(paths)]} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()
            for step in range(count // connections)
        ]
        done: asyncio.Future[None] = loop.create_future()
        waits.append(done)
        await loop.create_connection(partial(Connection, requests, times, done), "127.0.0.1", port)
    await asyncio.gather(*waits)
    return time.perf_counter() - begun, times


def client(*given: object) -> tuple[float, list[float]]:
    return asyncio.run(asked(*given))  # type: ignore[arg-type]


def measured(
    pool: "multiprocessing.pool.Pool", port: int, paths: list[str], headers: str = "", count: int = REQUESTS,
    connections: int = CONNECTIONS,
) -> tuple[float, list[float]]:  # fmt: skip
    """Requests a second and their times, by the client's own process."""
    seconds, times = pool.apply(client, (port, paths, headers, count, connections))
    return len(times) / seconds, times


def fetch(port: int, path: str, headers: str = "") -> tuple[str, bytes]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
        parts = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = parts.partition(b"\r\n\r\n")
    return head.decode(), body


def header(head: str, name: str) -> str:
    return next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith(f"{name}:"))


def memory(pid: int) -> float:
    """Resident megabytes of a process."""
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def processor(pid: int) -> float:
    """Seconds of the processor that a process took so far."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_time(pid: int) -> float:
    """The same of the threads that live, to the microsecond."""
    tasks = (_PROC / str(pid) / "task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def share(times: list[float], part: float) -> float:
    """The time in milliseconds that this part of the requests does not take."""
    return statistics.quantiles(times, n=1000)[round(part * 1000) - 1] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("papers", nargs="?", type=int, default=6_000)
    parser.add_argument("--only", choices=("feeds", "pages", "search", "memory"))
    asked = parser.parse_args()
    rng = random.Random(7)
    words = vocabulary(rng)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder, asked.papers, rng, words)
        port = free_port()
        with paperboy(folder, port) as pid, multiprocessing.get_context("spawn").Pool(1) as pool:
            if asked.only in {None, "feeds"}:
                _, feed = fetch(port, "/feed.atom")
                other = free_port()
                with nginx(folder, other, feed) as beside:
                    print(f"feed {len(feed) / 1000:.0f} kB")
                    feeds(pool, {port: pid, **({other: beside} if beside else {})})
            ids = [f"/papers/arxiv:2000.{number:05}" for number in range(min(asked.papers, 500))]
            if asked.only in {None, "pages"}:
                pages(pool, port, ids)
            if asked.only in {None, "search"}:
                searches(pool, port, pid, words)
            if asked.only in {None, "memory"}:
                before = memory(pid)
                measured(pool, port, ["/", "/feed.atom", *ids[:200]], count=MEMORY_REQUESTS)
                print(f"memory {before:.0f} MB, after {MEMORY_REQUESTS:,} more requests {memory(pid):.0f} MB")


def feeds(pool: "multiprocessing.pool.Pool", servers: dict[int, int]) -> None:
    """The same feed from each server, ours first; `servers` are process ids by port."""
    tags = {port: f"If-None-Match: {header(fetch(port, '/feed.atom')[0], 'etag')}\r\n" for port in servers}
    for name, known in (("feed", False), ("304", True)):
        rates: dict[int, list[float]] = {port: [] for port in servers}
        costs: dict[int, list[float]] = {port: [] for port in servers}
        for _ in range(ROUNDS):
            for port, pid in servers.items():
                before = processor(pid)
                count = REQUESTS * 5 if known else REQUESTS
                rate, _ = measured(pool, port, ["/feed.atom"], tags[port] if known else "", count)
                rates[port].append(rate)
                costs[port].append((processor(pid) - before) / count * 1e6)
        (own, cost), *others = ((max(rates[port]), min(costs[port])) for port in servers)
        line = f"{name:12} {own:8,.0f} a second, {cost:.0f} µs of the processor"
        for rate, other in others:
            line += f"; nginx {rate:,.0f} and {other:.0f} µs: {own / rate:.2f} x by rate, {other / cost:.2f} x by processor"
        print(line)


def pages(pool: "multiprocessing.pool.Pool", port: int, ids: list[str]) -> None:
    front, _ = fetch(port, "/", "Accept-Encoding: gzip\r\n")
    print(f"front page {int(header(front, 'content-length')) / 1000:.1f} kB gzipped")
    _, (first, *_) = measured(pool, port, ids[:1], count=1, connections=1)
    begun = time.perf_counter()
    measured(pool, port, ids, count=len(ids))
    rate = len(ids) / (time.perf_counter() - begun)
    print(
        f"paper pages made for the first time: {rate:,.0f} a second, the very first one in {first * 1000:.0f} ms"
    )
    for name, paths in (("front page", ["/"]), ("paper pages", ids)):
        rounds = [measured(pool, port, paths) for _ in range(ROUNDS)]
        rate, times = max(rounds)
        print(f"{name:12} {rate:8,.0f} a second, p99 {share(times, 0.99):.1f} ms")


def searches(pool: "multiprocessing.pool.Pool", port: int, pid: int, words: list[str]) -> None:
    queries = [
        quote(shape.format(word=words[rank], other=words[rank // 3], third=words[rank * 2]))
        for rank, shape in zip(range(5, 5 + 40 * SEARCHES, 40), cycle(SHAPES), strict=False)
    ]
    # What the first of all searches sets up is not counted.
    measured(pool, port, ["/search?q=nothing"], count=1, connections=1)
    times, costs = list[float](), list[float]()
    for query in queries:
        before = run_time(pid)
        times += measured(pool, port, [f"/search?q={query}"], count=1, connections=1)[1]
        costs.append(run_time(pid) - before)
    for name, spent in (("search", times), ("  processor", costs)):
        print(
            f"{name:12} median {share(spent, 0.5):.1f} ms, p95 {share(spent, 0.95):.1f} ms, most {max(spent) * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
