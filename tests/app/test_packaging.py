"""What installs and starts paperboy names things that exist."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import RawConfigParser
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(
    r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[0-9][0-9a-z.]*)(?: ; (?P<marker>[^;#]+))?"
)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads(text("pyproject.toml"))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ]", requirement)[0].replace(".", "-") for requirement in requirements}


def test_constraints_hold_names_and_versions_and_nothing_else():
    for line in text("constraints.txt").splitlines():
        assert PIN.fullmatch(line), line


def test_every_requirement_has_its_constraint(project):
    wanted = names(project["project"]["dependencies"]) | names(project["dependency-groups"]["dev"])
    for extra in project["project"]["optional-dependencies"].values():
        wanted |= names(extra)
    pinned = {PIN.fullmatch(line)["name"] for line in text("constraints.txt").splitlines()}
    assert wanted <= pinned


@pytest.mark.parametrize(
    "name", ["Makefile", "Dockerfile", "compose.yaml", ".ci/run", "constraints.txt", "pyproject.toml"]
)
def test_no_index_address_or_hash_is_written_down(name):
    assert not re.search(
        r"--index-url|--extra-index|--find-links|--hash|sha256:|pypi\.org/simple", text(name)
    )


def test_the_command_is_the_one_that_the_units_start(project):
    assert project["project"]["scripts"] == {"paperboy": "bot.__main__:main"}
    assert 'ENTRYPOINT ["paperboy"]\nCMD ["run"]' in text("Dockerfile")
    unit = RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(text("deploy/paperboy.service"))
    assert unit["Service"]["ExecStart"] == "/opt/paperboy/bin/paperboy run"


def test_the_service_does_not_try_again_what_only_a_person_can_mend():
    assert "RestartPreventExitStatus=2 3" in text("deploy/paperboy.service")


def test_the_service_sees_its_configuration_where_relative_paths_start_at_its_state():
    unit = text("deploy/paperboy.service")
    assert "PAPERBOY_CONFIG=/var/lib/paperboy/config/paperboy.yaml" in unit
    assert "BindReadOnlyPaths=/etc/paperboy:/var/lib/paperboy/config" in unit
    assert "StateDirectory=paperboy paperboy/config paperboy/seeds paperboy/state" in unit


def test_the_image_copies_things_that_exist_and_that_are_sent_to_the_builder():
    sent = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text("Dockerfile"), re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == sent
    for source in copied:
        assert (ROOT / source).exists(), source


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    dockerfile = text("Dockerfile")
    assert re.search(r"^USER paperboy$", dockerfile, re.MULTILINE)
    assert 'CMD ["paperboy", "status", "--alive"]' in dockerfile
    assert 'VOLUME ["/app/config", "/app/seeds", "/app/state"]' in dockerfile
    assert dockerfile.index("USER paperboy") < dockerfile.index("ENTRYPOINT")


def test_the_compose_file_mounts_what_the_image_keeps():
    service = YAML(typ="safe").load(text("compose.yaml"))["services"]["paperboy"]
    targets = [volume.split(":")[1] for volume in service["volumes"]]
    assert targets == ["/app/config", "/app/seeds", "/app/state"]
    assert "USER paperboy" in text("Dockerfile")


def test_the_wheel_carries_everything_in_the_package_that_is_not_code(project):
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["bot"]
    assert wheel["force-include"] == {
        "config/paperboy.yaml": "bot/app/config/templates/paperboy.yaml",
        "seeds": "bot/seeds",
    }
    for line in text(".gitignore").splitlines():  # hatchling leaves out what git ignores
        assert not line.startswith("bot"), line


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel installs, outside the checkout; built with the tools that are here, without network."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "state", "tests", "benchmarks")
    shutil.copytree(ROOT, tree, ignore=ignored)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    shutil.rmtree(tree)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_the_seeds_the_templates_and_the_known_sources(unpacked: Path):
    assert sorted(file.name for file in (unpacked / "bot/seeds").iterdir()) == sorted(
        file.name for file in (ROOT / "seeds").iterdir()
    )
    package = "bot/app/config"
    for name, source in (
        ("templates/paperboy.yaml", "config/paperboy.yaml"),
        ("templates/subscriptions.yaml", f"{package}/templates/subscriptions.yaml"),
        ("known_sources.yaml", f"{package}/known_sources.yaml"),
    ):
        assert (unpacked / package / name).read_bytes() == (ROOT / source).read_bytes()


def test_the_index_shows_a_description_without_a_broken_picture_or_link(unpacked: Path):
    (metadata,) = unpacked.glob("*.dist-info/METADATA")
    headers, _, shown = metadata.read_text(encoding="utf-8").partition("\n\n")
    assert "Description-Content-Type: text/markdown" in headers.splitlines()
    code = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
    assert re.findall(r"\]\((?!https?://|#)[^)]*\)", code.sub("", shown)) == []
    assert "![" not in code.sub("", shown)
    assert "┌ Telegram ─" in shown  # a picture in text, which every page shows
    words = re.compile(r"\w+")
    readme = re.sub(r"!\[.*\n|\]\([^)]*\)", "", code.sub("", text("README.md")))
    assert words.findall(code.sub("", shown)) == words.findall(readme)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["demo"], "carol's feed reader shows this"),
        (["init", "--no-input"], "Next: paperboy run"),
        (["test", "me"], "is read at http://127.0.0.1:8080/feeds/"),
    ],
    ids=["demo", "init", "test"],
)
def test_the_wheel_works_outside_the_checkout(
    unpacked: Path, tmp_path: Path, arguments: list[str], shown: str
):
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if arguments[0] == "test":
        program(unpacked, tmp_path, ["init", "--no-input"], environ)
    assert shown in program(unpacked, tmp_path, arguments, environ)


def program(site: Path, folder: Path, arguments: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed here")
def test_make_says_what_it_can_do():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "demo", "test", "man", "check", "lock", "clean"):
        assert f"make {target} " in shown


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed here")
def test_make_without_a_python_says_what_is_missing(tmp_path):
    done = subprocess.run(
        ["make", "PYTHON=", f"VENV={tmp_path / 'venv'}", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_licence_is_the_one_that_is_declared(project):
    assert project["project"]["license"] == "MIT"
    assert text("LICENSE").startswith("MIT License\n\nCopyright (c) 2026 paperboy contributors\n")


def test_the_ci_script_checks_once_and_tests_on_the_oldest_and_on_the_newest_python(tmp_path):
    assert ran_by_ci(tmp_path, "python3.12", "python3.13", "python3.14") == [
        "PYTHON=python3.12 check test",
        "PYTHON=python3.14 test",
    ]


def test_the_ci_script_tests_once_where_there_is_one_python(tmp_path):
    assert ran_by_ci(tmp_path, "python3.13") == ["PYTHON=python3.13 check test"]


def ran_by_ci(folder: Path, *pythons: str) -> list[str]:
    """The calls of `make` on a machine that has these Pythons: which one, and the targets."""
    tools = folder / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "mktemp", "rm", "date"):
        (tools / tool).symlink_to(shutil.which(tool))
    for python in pythons:
        script(tools / python, f'case "$*" in -V) echo {python};; *executable*) echo {python};; esac')
    script(tools / "make", f'echo "$@" >> {folder}/calls')
    environ = {"PATH": str(tools), "HOME": str(folder), "TMPDIR": str(folder)}
    subprocess.run([ROOT / ".ci" / "run"], env=environ, capture_output=True, check=True)
    return [line.split(" ", 1)[1] for line in (folder / "calls").read_text().splitlines()]


def script(path: Path, command: str) -> None:
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path):
    """Except that the program is not where a machine would have it."""
    unit = tmp_path / "paperboy.service"
    unit.write_text(text("deploy/paperboy.service").replace("/opt/paperboy/bin/paperboy", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(text("deploy/paperboy.service").replace("WatchdogSec=120", "WatchdogSecs=120"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], check=False, capture_output=True, text=True
    )
    assert "WatchdogSecs" in done.stderr  # it does look
