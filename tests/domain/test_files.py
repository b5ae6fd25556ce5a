"""Files: which are stable, which are skipped, and how they are named."""

import os
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.files import (
    EXPECTED_SKIPS,
    LONGEST_NAME,
    FileSignature,
    FileStabilizer,
    FoundFile,
    SkipLog,
    Skipped,
    SkipReason,
    digest_name,
    folder_names,
    is_ignored,
    name_prefixes,
    skip_reason,
)

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
STILL = timedelta(seconds=0.3)
MOMENT = timedelta(microseconds=1)


def found(name: str = "a.md", *, changed: datetime = NOW, size: int = 10, inode: int = 1) -> FoundFile:
    nanoseconds = (changed - datetime(1970, 1, 1, tzinfo=UTC)) // MOMENT * 1000
    signature = FileSignature(device=1, inode=inode, size=size, mtime_ns=0, ctime_ns=nanoseconds)
    return FoundFile(folder=Path("/watched"), relative=name, name=name, signature=signature)


def skipped(name: str, reason: SkipReason, changed: datetime | None = None) -> Skipped:
    return Skipped(path=Path("/watched") / name, name=name, reason=reason, what="is", changed_at=changed)


def test_a_file_that_was_still_for_long_enough_is_whole_at_the_first_look():
    old = found(changed=NOW - STILL)
    result = FileStabilizer(STILL).see([old], NOW)
    assert result.files == (old,)
    assert result.next_scan_at is None


def test_a_new_file_waits_until_it_was_still_for_long_enough():
    stabilizer = FileStabilizer(STILL)
    file = found(changed=NOW)
    first = stabilizer.see([file], NOW)
    assert first.files == ()
    assert first.waiting == 1
    assert first.next_scan_at == NOW + STILL
    assert stabilizer.see([file], NOW + STILL - MOMENT).files == ()
    assert stabilizer.see([file], NOW + STILL).files == (file,)


def test_a_slow_writer_starts_the_wait_again_with_each_write():
    stabilizer = FileStabilizer(STILL)
    moment = NOW
    for size in range(1, 20):
        moment += STILL / 2
        assert stabilizer.see([found(changed=moment, size=size)], moment).files == ()
    assert stabilizer.see([found(changed=moment, size=19)], moment + STILL).files != ()


def test_a_whole_file_is_handed_on_once():
    stabilizer = FileStabilizer(STILL)
    file = found(changed=NOW - STILL)
    assert stabilizer.see([file], NOW).files
    assert stabilizer.see([file], NOW + timedelta(days=1)).files == ()


@pytest.mark.parametrize("other", [{"size": 11}, {"inode": 2}, {"changed": NOW}])
def test_a_file_that_changed_in_any_way_is_handed_on_again(other):
    stabilizer = FileStabilizer(STILL)
    stabilizer.see([found(changed=NOW - STILL)], NOW)
    changed = found(**{"changed": NOW - STILL, **other})
    assert stabilizer.see([changed], NOW + STILL).files == (changed,)


def test_a_file_that_could_not_be_used_is_handed_on_again_at_the_next_look():
    stabilizer = FileStabilizer(STILL)
    file = found(changed=NOW - STILL)
    stabilizer.see([file], NOW)
    stabilizer.report_again(file)
    assert stabilizer.see([file], NOW).files == (file,)


def test_a_file_that_went_is_forgotten_and_may_come_again():
    stabilizer = FileStabilizer(STILL)
    file = found(changed=NOW - STILL)
    stabilizer.see([file], NOW)
    stabilizer.see([], NOW)
    stabilizer.report_again(file)
    assert stabilizer.see([file], NOW).files == (file,)


def test_a_file_whose_time_lies_in_the_future_is_judged_by_the_looks():
    stabilizer = FileStabilizer(STILL)
    file = found(changed=NOW + timedelta(hours=5))
    assert stabilizer.see([file], NOW).next_scan_at == NOW + STILL
    assert stabilizer.see([file], NOW + STILL).files == (file,)


def test_where_times_are_not_trusted_an_old_file_is_seen_twice():
    stabilizer = FileStabilizer(STILL, trust_times=False)
    file = found(changed=NOW - timedelta(days=1))
    assert stabilizer.see([file], NOW).files == ()
    assert stabilizer.see([file], NOW + STILL).files == (file,)


def test_a_clock_that_was_set_back_does_not_make_a_file_wait_for_the_hour_again():
    stabilizer = FileStabilizer(STILL)
    file = found(changed=NOW)
    stabilizer.see([file], NOW)
    earlier = NOW - timedelta(hours=1)
    assert stabilizer.see([file], earlier).next_scan_at == earlier + STILL
    assert stabilizer.see([file], earlier + STILL).files == (file,)


def test_the_next_look_is_due_when_the_first_of_the_waiting_may_be_whole():
    files = [found("a", changed=NOW), found("b", changed=NOW - STILL / 2), found("c", changed=NOW - STILL)]
    result = FileStabilizer(STILL).see(files, NOW)
    assert [file.name for file in result.files] == ["c"]
    assert result.waiting == 2
    assert result.next_scan_at == NOW + STILL / 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 400)), max_size=30))
def test_each_state_of_a_file_that_lasts_is_handed_on_exactly_once(looks):
    """Whatever the looks and writes: what stays still is handed on, once, and never sooner than `STILL`."""
    stabilizer, moment, changed, version = FileStabilizer(STILL), NOW, NOW, 1
    handed: list[tuple[int, datetime]] = []
    for write, milliseconds in looks:
        moment += timedelta(milliseconds=milliseconds)
        if write == 0:
            version, changed = version + 1, moment
        for file in stabilizer.see([found(changed=changed, size=version)], moment).files:
            assert moment - changed >= STILL
            handed.append((file.size, moment))
    handed += [
        (file.size, moment)
        for file in stabilizer.see([found(changed=changed, size=version)], moment + STILL).files
    ]
    sizes = [size for size, _ in handed]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == version


def test_a_found_file_knows_its_place_and_measure():
    file = found("sub/a.md", changed=NOW, size=7)
    assert file.path == Path("/watched/sub/a.md")
    assert (file.size, file.mtime_ns, file.changed_at) == (7, 0, NOW)


def test_what_is_skipped_is_said_once_and_again_when_it_came_back():
    skip_log = SkipLog()
    link = skipped("a", "link")
    assert skip_log.new([link], NOW) == (link,)
    assert skip_log.new([link], NOW) == ()
    assert skip_log.new([], NOW) == ()
    assert skip_log.new([link], NOW) == (link,)


def test_another_reason_is_news():
    skip_log = SkipLog()
    skip_log.new([skipped("a", "link")], NOW)
    assert skip_log.new([skipped("a", "too_large")], NOW)


def test_an_empty_file_is_news_only_when_it_stays_empty():
    skip_log = SkipLog()
    empty = skipped("a", "empty", NOW)
    assert skip_log.new([empty], NOW + timedelta(seconds=59)) == ()
    assert skip_log.new([empty], NOW + timedelta(seconds=60)) == (empty,)
    assert skip_log.new([skipped("b", "empty")], NOW) != ()


@pytest.mark.parametrize(
    "name",
    [
        "a.md~",
        "a.md.~1~",
        "a.md.orig",
        "a.md.bak",
        "a.sync-conflict-20260918-080000-ABCDEFG.md",
        "a (conflicted copy 2026-09-18 080000).md",
        "a (Ann's conflicted copy 2026-09-18).md",
        "a (Case Conflict).md",
        "a [Conflict].md",
        "a (SFConflict ann 2026-09-18-08-00-00).md",
        "a_conflict-20260918-080000.md",
        "a-conflict-20260918.md",
        "a (conflict copy).md",
        "a (Conflict from LAPTOP 2026-09-18).md",
        "a (In Konflikt stehende Kopie von Ann 2026-09-18).md",
        "a (copie en conflit d'Ann 2026-09-18).md",
        "a (Ann 的冲突副本).md",
        "a_LOCAL_4711.md",
        "a.REMOTE.4711.md",
        "a.md.mine",
        "a.md.r12",
        "a.md.save",
    ],
)
def test_names_of_copies_that_programs_make_are_no_digests(name):
    assert skip_reason(name) == "copy"
    assert "copy" not in EXPECTED_SKIPS


@pytest.mark.parametrize(
    "name",
    [
        "2026-09-18.md",
        "conflict.md",
        "conflict-resolution.md",
        "original.md",
        "a.original.md",
        "a copy.md",
        "a_local_2026.md",
        "a (1).md",
    ],
)
def test_ordinary_names_are_read(name):
    assert skip_reason(name) is None


@pytest.mark.parametrize(
    ("path", "is_so"),
    [
        ("a.draft.md", True),
        ("deep/down/a.draft.md", True),
        ("old", True),
        ("notes/2025/a.md", True),
        ("a.md", False),
        ("older/a.md", False),
    ],
)
def test_patterns_match_names_and_paths(path, is_so):
    assert is_ignored(path, ["*.draft.md", "old", "notes/*"]) is is_so


@pytest.mark.parametrize("name", [".hidden", ".", ".2025-09-18.md.swp", ".rsync-part.Xy12"])
def test_dot_names_are_hidden(name):
    assert skip_reason(name) == "hidden"


@pytest.mark.parametrize(
    "name",
    ["a.tmp", "a.md.part", "A.CRDOWNLOAD", "x.swp", "#a.md#", "~$a.docx", "a.filepart", "a\n.tmp"],
)
def test_names_that_writers_use_for_half_a_file_are_temporary(name):
    assert skip_reason(name) == "temporary"


@pytest.mark.parametrize(
    "name", ["a.md", "tmp", "tmp.md", "a~b.md", "#1.md", "part.html", "2025-09-18.part.md", "swp"]
)
def test_ordinary_names_are_looked_into(name):
    assert skip_reason(name) is None


def test_a_source_name_is_the_way_from_the_folder():
    assert digest_name("2025/09/18 — Überblick.md") == "2025/09/18 — Überblick.md"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"a\nb.md", "a%0Ab.md"),
        (b"\x1b[31mred.md", "%1B[31mred.md"),
        (b"caf\xe9.md", "caf%E9.md"),
        ("\u202egnp.md".encode(), "%E2%80%AEgnp.md"),
        ("A\u030a.md".encode(), "Å.md"),
    ],
)
def test_signs_that_nobody_sees_become_visible_in_a_source_name(raw, shown):
    assert digest_name(os.fsdecode(raw)) == shown


def test_lone_surrogates_of_any_kind_do_not_get_through():
    assert digest_name("a\ud800b") == "a%ED%A0%80b"


def test_the_first_undecodable_byte_is_a_byte_as_well():
    assert digest_name(os.fsdecode(b"a\x80b")) == "a%80b"


def test_a_name_of_just_the_longest_length_stays_whole():
    name = "x" * (LONGEST_NAME - 3) + ".md"
    assert digest_name(name) == name
    assert digest_name("x" + name) != "x" + name


@given(st.text(max_size=400))
def test_every_digests_name_is_bounded_and_has_no_invisible_signs(text):
    name = digest_name(text)
    assert len(name) <= LONGEST_NAME
    assert not {unicodedata.category(sign) for sign in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    name.encode()


def test_long_names_that_differ_in_the_middle_stay_different():
    first, second = (digest_name("x" * 150 + middle + "y" * 150 + ".md") for middle in "ab")
    assert first != second
    assert first.endswith("y.md")
    assert len(first) == LONGEST_NAME


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["/x/seeds"], ("",)),
        (["/x/tables", "/x/pages"], ("", "pages/")),
        (["/a/digests", "/b/digests", "/c/digests"], ("", "digests/", "c/digests/")),
        (["/a", "/"], ("", "")),
    ],
)
def test_folders_after_the_first_put_their_name_before_their_files(folders, expected):
    assert name_prefixes([Path(folder) for folder in folders]) == expected


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["/a/digests"], ("digests",)),
        (["/a/digests", "/b/digests"], ("digests", "b/digests")),
        (["/a/b/digests", "/c/b/digests", "/b/digests"], ("digests", "b/digests", "/b/digests")),
        (["/"], ("/",)),
    ],
)
def test_a_folder_is_a_source_by_the_shortest_end_of_its_path(folders, names):
    assert folder_names([Path(folder) for folder in folders]) == names


def test_one_more_folder_at_the_end_renames_nothing():
    folders = [Path("/a/digests"), Path("/b/digests"), Path("/c/other")]
    assert name_prefixes(folders)[:2] == name_prefixes(folders[:2])
