"""`sources:` in paperboy.yaml: what it gives, and every fault at its place."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.config.settings import load_settings
from bot.domain.errors import ConfigError
from bot.domain.sources import Source

HOURS = timedelta(hours=6)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path / "config/paperboy.yaml"


def faults(config: Path, text: str) -> list[str]:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config, {})
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in caught.value.faults]


def test_the_sources_of_the_contract(config: Path, tmp_path: Path) -> None:
    config.write_text("""\
sources:
  - name: daily-paper
    git: https://github.com/XINZHANG-ops/daily_paper
    branch: main
    folder: dailies/pages
    every: 6h
  - name: arxiv-cl
    url: https://rss.arxiv.org/rss/cs.CL
    every: 30m
    headers_file: ""
""")
    settings = load_settings(config, {})
    assert [form.source for form in settings.sources] == [
        Source(
            name="daily-paper",
            kind="git",
            address="https://github.com/XINZHANG-ops/daily_paper",
            branch="main",
            folder="dailies/pages",
            every=HOURS,
        ),
        Source(name="arxiv-cl", kind="url", address="https://rss.arxiv.org/rss/cs.CL", every=HOURS / 12),
    ]
    folder = tmp_path / "state/sources"
    assert settings.watched == (tmp_path / "seeds", folder / "daily-paper", folder / "arxiv-cl")


@pytest.mark.parametrize(("written", "hours"), [("90m", 1.5), ("2 days", 48), ("1W", 168)])
def test_how_often_a_source_is_fetched_is_a_number_and_a_unit(
    config: Path, written: str, hours: float
) -> None:
    config.write_text(f"sources:\n  - {{name: x, url: 'https://x.org/', every: {written}}}\n")
    (form,) = load_settings(config, {}).sources
    assert form.source.every == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("state", "folder"),
    [("sqlite:////var/lib/p/x.sqlite3", "/var/lib/p/sources"), ("postgresql://h/db", "state/sources")],
)
def test_what_is_fetched_lies_beside_the_state(config: Path, tmp_path: Path, state: str, folder: str) -> None:
    config.write_text(f"state: {state}\n")
    assert load_settings(config, {}).sources_folder == tmp_path / folder


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("../papers", "{above}/papers"),
        ("/srv/papers.git", "/srv/papers.git"),
        ("git@github.com:x/y.git", "git@github.com:x/y.git"),
        ("ssh://git@x.org/y", "ssh://git@x.org/y"),
        ("file:///srv/x", "file:///srv/x"),
    ],
)
def test_git_takes_urls_and_paths_from_the_base_folder(
    config: Path, tmp_path: Path, written: str, address: str
) -> None:
    config.write_text(f"sources: [{{name: a, git: '{written}'}}]\n")
    (form,) = load_settings(config, {}).sources
    assert form.source.address == address.format(above=tmp_path.parent)


def test_headers_come_from_a_file_and_are_shown_nowhere(config: Path, tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("# mine\nAuthorization: Bearer geheim\n\nX-A:  b c \n")
    (tmp_path / "headers").chmod(0o600)
    config.write_text("sources: [{name: a, url: 'https://x.org/?q=1#top', headers_file: headers}]\n")
    settings = load_settings(config, {})
    source = settings.sources[0].source
    assert source.headers == {"Authorization": "Bearer geheim", "X-A": "b c"}
    assert source.address == "https://x.org/?q=1"
    assert settings.warnings == ()
    assert "geheim" not in repr(settings)
    (tmp_path / "headers").chmod(0o644)
    (warning,) = load_settings(config, {}).warnings
    assert str(warning) == (
        f"{config}:1:66: {tmp_path}/headers can be read by everybody on this machine; chmod 600 it"
    )


def test_a_line_that_is_no_header_is_named_without_what_it_holds(config: Path, tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("X-A: b\ngeheim\n")
    (fault,) = faults(config, "sources: [{name: a, url: 'https://x.org', headers_file: headers}]")
    assert fault == (f"1:57: {tmp_path}/headers, line 2: no header; write it like 'Authorization: Bearer …'")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("{name: a, git: x, branche: m}", "1:29: unknown key 'branche'; did you mean 'branch'?"),
        ("{git: x}", "1:11: the key 'name' is missing here"),
        ("{name: a}", "1:11: a source needs git or url; a has neither"),
        ("{name: a, git: x, url: 'https://x.org'}", "1:11: a source needs git or url, not both"),
        ("{name: ../a, git: x}", "1:18: name must be 1 to 64 letters, digits, dots, dashes or underscores"),
        ("{name: a, git: x, every: 9m}", "1:36: every must be a time like 30m, 6h or 1d, not under 10m, not '9m'"),
        ("{name: a, git: x, every: 6}", "1:36: every must be a time like 30m, 6h or 1d, not under 10m, not '6'"),
        ("{name: a, git: '-x'}", "1:26: git must be a URL or a path of a git repository, not '-x'"),
        ("{name: a, git: ''}", "1:26: git must be a URL or a path of a git repository"),
        ("{name: a, git: 'https://t@x.org/y'}", "1:26: a password or token in an address"),
        ("{name: a, git: 'ssh://u:p@x.org/y'}", "1:26: a password or token in an address"),
        ("{name: a, url: 'ftp://x.org'}", "1:26: url must be an http or https address like"),
        ("{name: a, url: 'https://[x'}", "1:26: url must be an http or https address like"),
        ("{name: a, url: 'https://u:p@x.org'}", "1:26: a user or a password in an address; write 'Authorization: …'"),
        ("{name: a, url: 'https://x.org', branch: m}", "1:51: branch does not belong here: a url has none"),
        ("{name: a, url: 'https://x.org', folder: m}", "1:51: folder does not belong here: a url has none"),
        ("{name: a, git: x, folder: a/../b}", "1:37: folder must be a folder inside the repository"),
        ("{name: a, git: x, folder: .git}", "1:37: folder must be a folder inside the repository"),
        ("{name: a, git: x, branch: '-f'}", "1:37: branch must be the name of a branch like main"),
        ("{name: a, url: 'https://x.org', headers_file: nix}", "1:57: "),
        ("{name: a, git: x}, {name: A, git: y}", "1:37: the name 'a' is taken already; names differ by more than case"),
    ],
)  # fmt: skip
def test_every_fault_has_its_place_and_never_shows_a_password(config: Path, source: str, fault: str) -> None:
    (found,) = faults(config, f"sources: [{source}]")
    assert found.startswith(fault)
    assert "u:p" not in found


def test_a_headers_file_does_not_go_with_git(config: Path, tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("X-A: b")
    (fault,) = faults(config, "sources: [{name: a, git: x, headers_file: headers}]")
    assert fault == "1:43: headers_file does not belong here: git's credential helpers keep its tokens"
