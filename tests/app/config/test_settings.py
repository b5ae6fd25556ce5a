"""paperboy.yaml: defaults, paths, types, messages, and secrets that stay secret."""

import os
import pickle
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.adapters.email.servers import SmtpServer
from bot.app.config.addresses import Listen, Maildir
from bot.app.config.settings import Settings, base_folder, load_settings, read_settings
from bot.domain.errors import ConfigError, UsageError

TOKEN = "123456:AAsecretsecretsecretsecretsecretsec"
KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "paperboy.yaml"
    path.parent.mkdir()
    return path


def load(config: Path, text: str, **environ: str) -> Settings:
    config.write_text(text)
    return load_settings(config, environ)


def faults(config: Path, text: str, **environ: str) -> list[str]:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config, environ)
    return [f"{fault.line}:{fault.column}: {fault.message}" for fault in caught.value.faults]


def secret_file(tmp_path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("", True),
        ("web: {listen: '127.0.0.2:8080'}", True),
        ("web: {listen: '0.0.0.0:8080'}", False),
        ("web: {listen: '10.0.0.1:8080'}", False),
        ("site: {url: 'https://papers.example.org'}", False),
        ("site: {url: 'https://papers.example.org'}\nweb: {open: true}", True),
        ("web: {listen: ''}", False),
    ],
)
def test_visitors_make_feeds_where_only_this_machine_visits_or_the_settings_let_them(
    config: Path, text: str, is_open: bool
) -> None:
    assert load(config, text).visitors_make_feeds is is_open


def test_without_a_file_every_default_of_the_contract_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = load_settings(Path("config/paperboy.yaml"), {}, explicit=False)
    assert found.site.model_dump() == {
        "title": "Paperboy",
        "url": "http://127.0.0.1:8080",
        "feed_authority": "paperboy.example,2026",
    }
    assert found.watch.folders == (tmp_path / "seeds",)
    assert (found.watch.settle_seconds, found.watch.rescan_seconds, found.watch.max_file_mb) == (0.3, 30, 20)
    assert found.watch.polling is False
    assert (found.first_run, found.first_run_limit) == (3, 3)
    assert found.state == f"sqlite:///{tmp_path}/state/paperboy.sqlite3"
    assert found.sqlite_file == tmp_path / "state/paperboy.sqlite3"
    assert found.subscriptions == Path("config/subscriptions.yaml")
    assert (found.atom.folder, found.atom.entries) == (tmp_path / "state/feeds", 100)
    assert found.web.listen == Listen(host="127.0.0.1", port=8080)
    assert found.email.transport == Maildir(folder=tmp_path / "state/mail")
    assert str(found.email.sender) == "Paperboy <paperboy@localhost>"
    assert not found.email.password
    assert not found.email.dkim.is_on
    assert not found.telegram.token
    assert (found.telegram.api_url, found.telegram.on_uncertain) == ("https://api.telegram.org", "hold")
    assert found.quiz.min_confidence == 0.9
    assert found.quiz.per_day == 5
    assert found.source_alarm.to == ()
    assert found.sources == ()
    assert found.watched == (tmp_path / "seeds",)
    assert (found.base, found.warnings) == (tmp_path, ())


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"p\.yaml: no such file"):
        load_settings(tmp_path / "p.yaml", {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "site:\nwatch:\nemail:\n  dkim:\n"])
def test_what_is_left_empty_has_its_defaults(config: Path, text: str) -> None:
    assert load(config, text).email.transport == Maildir(folder=config.parent.parent / "state/mail")


def test_an_empty_listen_means_no_web_server(config: Path) -> None:
    assert load(config, "web: {listen: ''}").web.listen is None
    assert load(config, "web:\n  listen:\n").web.listen is None


def test_paths_start_above_a_folder_named_config_and_else_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base_folder(tmp_path / "config/paperboy.yaml") == tmp_path
    assert base_folder(tmp_path / "etc/paperboy.yaml") == tmp_path / "etc"
    assert base_folder(Path("config/paperboy.yaml")) == Path()
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path / "config")
    Path("p.yaml").write_text("watch: {folders: [a, /b, ../c]}")
    found = load_settings(Path("p.yaml"), {})
    assert found.watch.folders == (tmp_path / "a", Path("/b"), tmp_path.parent / "c")
    assert found.subscriptions == Path("../config/subscriptions.yaml")


def test_the_home_folder_may_be_written_as_a_tilde(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert load(config, "watch: {folders: [~/papers]}").watch.folders == (Path("/home/alice/papers"),)


def test_everything_can_be_set(config: Path) -> None:
    found = load(
        config,
        """\
site: {title: My  papers, url: https://x.org/p/, feed_authority: "x.org,2026-01"}
watch: {folders: [a, b], settle_seconds: 1, rescan_seconds: 5.5, polling: true, max_file_mb: 1}
first_run: all
state: postgresql://me@db/papers
subscriptions: /etc/subs.yaml
atom: {folder: feeds, entries: 10}
web: {listen: "[::1]:80"}
email: {transport: "smtp://me@x.org:587", password: pw, from: P <p@x.org>}
telegram: {token: "1:a", api_url: "http://localhost:8081", on_uncertain: resend}
quiz: {min_confidence: 1}
source_alarm: {to: [alice]}
""",
    )
    assert (found.site.title, found.site.url) == ("My papers", "https://x.org/p")
    assert (found.first_run, found.first_run_limit, found.sqlite_file) == ("all", None, None)
    assert found.state == "postgresql://me@db/papers"
    assert found.email.transport == SmtpServer(host="x.org", port=587, user="me", security="starttls")
    assert found.email.password.get_secret_value() == "pw"
    assert found.telegram.token.get_secret_value() == "1:a"
    assert found.telegram.on_uncertain == "resend"
    assert found.source_alarm.to == ("alice",)


def test_settings_cannot_be_changed(config: Path) -> None:
    found = load(config, "")
    with pytest.raises(ValidationError):
        found.site.title = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_file_mbb: 1", "1:1: unknown key 'max_file_mbb' here; did you mean 'max_file_mb' below 'watch'?"),
        ("watch:\n  max_file_mbb: 1", "2:3: unknown key 'max_file_mbb'; did you mean 'max_file_mb'?"),
        ("max_file_mb: 1", "1:1: unknown key 'max_file_mb' here; it belongs below 'watch'"),
        ("watch: {feed-authority: x}", "1:9: unknown key 'feed-authority' here; did you mean 'feed_authority' below 'site'?"),
        ("watch: {zzz: x}", "1:9: unknown key 'zzz'; possible here: folders, settle_seconds, rescan_seconds, polling"),
        ("email: {sender: x}", "1:9: unknown key 'sender'; possible here: transport, password, password_file, from"),
        ("email:\n  dkim:\n    domian: x", "3:5: unknown key 'domian'; did you mean 'domain'?"),
        ("- a", "1:1: the file must hold keys and values below it, not a list"),
        ("text", "1:1: the file must hold keys and values below it"),
        ("site: x", "1:7: site must hold keys and values below it"),
        ("site: {title: 7}", "1:15: title must be text, not '7'; put it in quotes"),
        ("site: {title: [a]}", "1:15: title must be text, not a list"),
        ("site:\n  title:\n", "2:3: title must not be empty; nothing is written there"),
        ('site: {title: "a\\nb"}', "1:15: title must be on one line"),
        ("watch: {folders: seeds}", "1:18: folders must be a list like [a, b], not 'seeds'"),
        ("watch: {folders: []}", "1:18: folders must not be empty"),
        ("watch: {folders: [a, 1]}", "1:22: each of folders must be text, not '1'; put it in quotes"),
        ("watch: {settle_seconds: soon}", "1:25: settle_seconds must be a number, not 'soon'"),
        ("watch: {settle_seconds: -1}", "1:25: settle_seconds must be 0 or more, not '-1'"),
        ("watch: {settle_seconds: .nan}", "1:25: settle_seconds must be a number, not '.nan'"),
        ("watch: {rescan_seconds: 0}", "1:25: rescan_seconds must be more than 0, not '0'"),
        ("watch: {polling: yes}", "1:18: polling must be true or false, not 'yes'"),
        ("watch: {polling: 1}", "1:18: polling must be true or false, not '1'"),
        ("first_run: true", "1:12: first_run must be a whole number of 0 or more, or all, not 'true'"),
        ("first_run: 1.5", "1:12: first_run must be a whole number of 0 or more, or all, not '1.5'"),
        ("atom: {entries: '5'}", "1:17: entries must be a whole number, not '5'"),
        ("atom: {entries: 5.0}", "1:17: entries must be a whole number, not '5.0'"),
        ("quiz: {per_day: -1}", "1:17: per_day must be 0 or more, not '-1'"),
        ("quiz: {min_confidence: 90}", "1:24: min_confidence must be 1 or less, not '90'"),
        ("telegram: {on_uncertain: maybe}", "1:26: on_uncertain must be 'hold' or 'resend', not 'maybe'"),
        ("email: {dkim: {domain: x y}}", "1:24: domain must be a DNS name like papers.example.org, not 'x y'"),
        ("telegram: {token_file: [a]}", "1:24: token_file must be text, not a list"),
        ("atom: {folder: ~nobody-of-this-name/x}", "1:16: folder must be a path; the home folder of this '~' is not known"),
        ("subscriptions:\n", "1:1: subscriptions must be a path; nothing is written there"),
        ("email: {from: nobody}", "1:15: from must be one mail address like alice@example.org, not 'nobody'"),
        ("email: {bounces: Ann <b@x.org>}", "must be a bare address like bounces@example.org"),
        ("email: {bounces: a+b@x.org}", "must be a bare address like bounces@example.org"),
        ("email: {reports: 'maildir:in'}", "reports need email.bounces"),
        ("email: {reports: 'imaps://b@x.org', bounces: b@x.org}", "imaps:// needs email.reports_password_file"),
        ("email: {dkim: {domain: x.org}}", "dkim needs domain, selector and key_file, or none; selector is empty"),
        ("email: {transport: 'smtp://x.org', password: p}", "1:20: a password without a user; write smtp://user@host"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_to_do(config: Path, text: str, expected: str) -> None:
    (fault,) = faults(config, text)
    assert expected in fault


def test_all_mistakes_are_told_at_once_in_file_order(config: Path) -> None:
    found = faults(
        config, "site: {titel: x}\nsite: {}\nstate: x\nweb: {listen: '${X}'}\natom: {entries: a}\n"
    )
    assert [fault.partition(":")[0] for fault in found] == ["1", "2", "3", "4", "5"]


def test_a_mistake_shows_the_file_as_it_was_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("x: 1")
    monkeypatch.chdir(config.parent.parent)
    with pytest.raises(ConfigError, match=r"^config/paperboy\.yaml:1:1: unknown key 'x'"):
        load_settings(Path("config/paperboy.yaml"), {})


def test_variables_fill_text_and_numbers_and_flags(config: Path) -> None:
    text = (
        "atom: {entries: '${N}'}\nwatch: {polling: '${P:-true}', settle_seconds: '${S}'}\nfirst_run: ${F}\n"
    )
    found = load(config, text + "telegram: {on_uncertain: '${U:-resend}'}", N=" 7 ", S="0.5", F="all")
    assert (found.atom.entries, found.watch.polling, found.watch.settle_seconds) == (7, True, 0.5)
    assert (found.first_run, found.telegram.on_uncertain) == ("all", "resend")


def test_a_variable_that_does_not_fit_is_named_without_its_value(config: Path) -> None:
    (fault,) = faults(config, "atom: {entries: '${N}'}", N="hunter2")
    assert fault == "1:17: entries must be a whole number, not '${N}'"


def test_a_variable_that_is_not_set_is_one_fault_only(config: Path) -> None:
    assert faults(config, "state: ${DB}") == ["1:8: ${DB} is not set; set it, or write ${DB:-default}"]


@pytest.mark.parametrize(
    "section", ["telegram: {token: '%s'}", "email: {password: '%s'}", "state: postgresql://u:%s@h/d"]
)
def test_secrets_are_in_no_text_of_the_settings(config: Path, section: str) -> None:
    found = load(config, section % TOKEN)
    for text in (repr(found), str(found), f"{found.telegram!r}{found.email!r}", str(found.telegram.token)):
        assert TOKEN not in text


@pytest.mark.parametrize(
    "text",
    [
        f"telegram: {{token: ['{TOKEN}']}}",
        f'telegram: {{token: "{TOKEN}\\n"}}',
        f"telegram: {{token: '{TOKEN}', token_file: x}}",
        f"telegram: {{token: '{TOKEN}', x: 1}}",
        f"state: mysql://u:{TOKEN}@h/d",
        f"email: {{transport: 'smtp://u:{TOKEN}@h'}}",
        "telegram: {token: '${T}', on_uncertain: '${T}'}",
        "quiz: {min_confidence: '${T}'}",
        "site: {url: '${T}'}",
        f"telegram: {TOKEN}",
        f"telegram:\n  {TOKEN}",
        f"telegram: {{{TOKEN}}}",
        f"email: {{password: [{TOKEN}], from: {TOKEN}}}",
        f"site: {{url: 'https://me:{TOKEN}@x.org', title: []}}",
        f"atom: {{hub: 'ftp://me:{TOKEN}@x.org'}}",
        f"sources: [{{name: x, url: 'ftp://me:{TOKEN}@x.org'}}]",
    ],
)
def test_secrets_are_in_no_mistake_and_in_no_traceback(config: Path, text: str) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config, {"T": TOKEN})
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.faults)
    assert TOKEN not in shown
    assert error.__cause__ is None


def test_a_secret_may_stand_in_a_file_of_its_own(config: Path, tmp_path: Path) -> None:
    path = secret_file(tmp_path, f"  {TOKEN}\n")
    found = load(config, "telegram: {token_file: secret}\nemail: {password_file: '${P}'}", P=str(path))
    assert found.telegram.token.get_secret_value() == TOKEN
    assert found.email.password.get_secret_value() == TOKEN
    assert found.warnings == ()
    assert TOKEN not in repr(found)


def test_a_private_key_stands_in_a_file(config: Path, tmp_path: Path) -> None:
    secret_file(tmp_path, KEY)
    found = load(config, "email: {dkim: {domain: x.org, selector: s1, key_file: secret}}")
    assert found.email.dkim.is_on
    assert found.email.dkim.key.get_secret_value() == KEY
    secret_file(tmp_path, "no key")
    (fault,) = faults(config, "email: {dkim: {domain: x.org, selector: s1, key_file: secret}}")
    assert fault == "1:55: key_file must name a file with a private key in PEM form"


def test_a_secret_and_its_file_exclude_each_other(config: Path, tmp_path: Path) -> None:
    secret_file(tmp_path, TOKEN)
    assert faults(config, "telegram:\n  token: x\n  token_file: secret\n") == [
        "3:15: token and token_file exclude each other; keep one"
    ]
    assert load(config, "telegram: {token: '', token_file: secret}").telegram.token


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "secret is empty; it must hold the secret"),
        (" \n", "secret is empty; it must hold the secret"),
        ("a\nb", "secret must hold the secret on one line and nothing else"),
        ("a\0b", "secret must hold the secret on one line and nothing else"),
        (b"\xff", "secret is not text in UTF-8"),
        ("x" * 70_000, "secret is larger than 65,536 bytes, the limit for a secret"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    config: Path, tmp_path: Path, content: str | bytes, expected: str
) -> None:
    secret_file(tmp_path, content)
    (fault,) = faults(config, "telegram:\n  token_file: secret\n")
    assert fault == f"2:15: {tmp_path}/{expected}"


def test_a_secret_file_that_is_missing_a_folder_or_a_pipe_is_refused(config: Path, tmp_path: Path) -> None:
    assert faults(config, "telegram: {token_file: none}") == [
        f"1:24: {tmp_path}/none: no such file or directory"
    ]
    assert faults(config, "telegram: {token_file: .}") == [f"1:24: {tmp_path} is not a file"]
    os.mkfifo(tmp_path / "pipe")
    assert faults(config, "telegram: {token_file: pipe}") == [f"1:24: {tmp_path}/pipe is not a file"]


def test_secrets_that_everybody_may_read_are_warned_of(config: Path, tmp_path: Path) -> None:
    secret_file(tmp_path, TOKEN, 0o644)
    config.touch(0o644)
    config.chmod(0o644)
    found = load(config, "telegram:\n  token_file: secret\nemail:\n  password: x\n")
    assert [str(warning).removeprefix(f"{config}:") for warning in found.warnings] == [
        f"2:15: {tmp_path}/secret can be read by everybody on this machine; chmod 600 it",
        "4:13: this secret can be read by everybody on this machine; chmod 600 it, or use password_file",
    ]
    assert load(config, "telegram: {token: '${T}'}", T=TOKEN).warnings == ()
    config.chmod(0o600)
    assert load(config, "email: {password: x}").warnings == ()


def test_mail_without_encryption_or_password_is_said(config: Path) -> None:
    (warning,) = load(config, "email: {transport: 'smtp+plain://127.0.0.1:25'}").warnings
    assert warning.message == "mails go to 127.0.0.1 without encryption"
    (warning,) = load(config, "email: {transport: 'smtp://me@x.org'}").warnings
    assert warning.message == "a user but no password; set email.password where x.org asks for one"


def test_reading_gives_the_other_file_even_where_settings_have_mistakes(config: Path) -> None:
    config.write_text("state: x\nsubscriptions: other.yaml\n")
    read = read_settings(config, {})
    assert read.settings is None
    assert read.subscriptions == config.parent.parent / "other.yaml"
    config.write_text("subscriptions: 7\n")
    assert read_settings(config, {}).subscriptions.name == "subscriptions.yaml"
    config.write_text("subscriptions: ''\n")
    assert read_settings(config, {}).subscriptions.name == "subscriptions.yaml"


def test_faults_can_cross_to_another_process(config: Path) -> None:
    config.write_text("x: 1")
    faults = read_settings(config, {}).faults
    assert pickle.loads(pickle.dumps(faults)) == faults


def test_without_token_and_mail_server_messages_are_kept_in_folders(config: Path, tmp_path: Path) -> None:
    settings = load(config, "atom: {folder: out/feeds}\nemail: {transport: 'maildir:mail'}")
    assert not settings.sends_telegram
    assert (settings.previews_folder, settings.maildir) == (tmp_path / "out/previews", tmp_path / "mail")
    sending = load(config, "telegram: {token: '1:x'}\nemail: {transport: 'smtp://127.0.0.1:25'}")
    assert sending.sends_telegram
    assert sending.maildir is None


def test_the_size_limit_of_files_is_counted_in_bytes(config: Path) -> None:
    assert load(config, "watch: {max_file_mb: 1.5}").max_bytes == 1_500_000
