"""A bundle as a file: whole or not there, for its owner only, read back as it was written, and refused where it is hostile."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztui.errors import DataError, SettingsError
from ztui.evidence import reading
from ztui.evidence.archive import Archive, place_of
from ztui.evidence.manifest import SCHEMA, VERSION, Link, Manifest, Missing, digest, is_path, path_part, stem_of
from ztui.evidence.reading import page_of, read_bundle

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STEM = "bundle-shop-api-20260105T090000Z"


def manifest(files: Any = (), **more: Any) -> Manifest:
    told = {"name": STEM, "made_by": "t", "at": AT, "target": "t", "sort": "workload", "cluster": "c", "context": "x"}
    fields = {
        "schema": SCHEMA,
        "version": VERSION,
        "server": "s",
        "user": "u",
        "journal": Link(),
        "files": tuple(files),
        **told,
        **more,
    }
    return Manifest(**fields)


def written(folder: Path, files: dict[str, bytes], **more: Any) -> Path:
    path = folder / f"{STEM}.tar.gz"
    archive = Archive(path, STEM, AT)
    try:
        for name, data in files.items():
            archive.add(name, data, "GET /x", "")
        archive.finish(manifest(archive.files, **more))
    finally:
        archive.close()
    return path


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_what_a_killed_capture_left_is_swept_by_a_later_one(tmp_path: Path) -> None:
    folder = tmp_path / "bundles"
    folder.mkdir()
    for name, age in ((".bundle-a.tar.gz.1.part", 7200), (".bundle-b.tar.gz.2.part", 60), ("bundle-c.tar.gz", 7200)):
        (folder / name).touch()
        os.utime(folder / name, (AT.timestamp() - age,) * 2)
    place_of(None, tmp_path, "x", AT)
    assert sorted(names(folder)) == [".bundle-b.tar.gz.2.part", "bundle-c.tar.gz"]


PARTS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._~-]{0,20}", fullmatch=True)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(lambda name: name != "manifest.json")


@given(files=st.dictionaries(PATHS, st.binary(max_size=2000), max_size=12), missing=st.lists(st.text(max_size=40), max_size=4))
def test_what_was_written_is_read_back(files: dict[str, bytes], missing: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), files, missing=tuple(Missing(text, text) for text in missing))
        found = read_bundle(path)
        assert found.is_sound
        assert {item.path: item.sha256 for item in found.manifest.files} == {name: digest(data) for name, data in files.items()}
        assert [item.what for item in found.manifest.missing] == missing
        assert found.sha256 == digest(path.read_bytes())
        for name in files:
            assert all(line.isprintable() or line == "" for line in page_of(found, name))


def test_a_bundle_is_for_its_owner_only_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, {"a": b"1"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == [path.name]


def test_a_capture_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "b.tar.gz", STEM, AT)
    archive.add("a", b"1")
    archive.close()
    assert names(tmp_path) == []


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/etc/passwd")])
def test_nothing_is_written_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / f"{STEM}.tar.gz")
    with pytest.raises(SettingsError, match="something of that name is there"):
        written(tmp_path, {})


def test_a_name_that_is_taken_while_it_is_written_is_not_taken_over(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "b.tar.gz", STEM, AT)
    (tmp_path / "b.tar.gz").write_text("another's")
    with pytest.raises(SettingsError, match="cannot be written"):
        archive.finish(manifest())
    archive.close()
    assert (tmp_path / "b.tar.gz").read_text() == "another's"
    assert names(tmp_path) == ["b.tar.gz"]


def test_a_folder_that_is_not_there_and_the_demo_without_a_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        Archive(tmp_path / "no" / "b.tar.gz", STEM, AT)
    with pytest.raises(SettingsError, match="the demo keeps nothing"):
        place_of(None, None, "x", AT)
    assert place_of(None, tmp_path / "s", "x", AT) == tmp_path / "s" / "bundles" / "x"
    assert stat.S_IMODE((tmp_path / "s" / "bundles").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a/../b", "", "manifest.json", "manifest.json/", "a//b", "a/b/c/d/e/f/g", ".hidden", "a b"]
)
def test_a_path_that_is_none_of_ours_has_no_place(tmp_path: Path, path: str) -> None:
    archive = Archive(tmp_path / "b.tar.gz", STEM, AT)
    with pytest.raises(ValueError, match="no place"):
        archive.add(path, b"")
    archive.close()


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "b.tar.gz", STEM, AT, limit=10)
    archive.add("a", b"12345")
    assert archive.fits(5)
    assert not archive.fits(6)
    archive.close()


@given(st.text(max_size=300))
def test_any_name_becomes_a_plain_part_of_a_path(name: str) -> None:
    found = path_part(name)
    assert is_path(found)
    assert len(found) <= 40


def test_different_names_stay_different_and_the_file_says_what_it_is_about() -> None:
    assert path_part("a/b") != path_part("a-b")
    assert path_part(".." * 10) != path_part("." * 10)
    assert stem_of("deployment/shop/api", AT) == STEM
    assert stem_of("user/\x1b[31m", AT).isprintable()


Member = tuple[tarfile.TarInfo, bytes]


def member(name: str = f"{STEM}/a", data: bytes = b"1", **more: Any) -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def packed(*members: Member, told: Any = None, form: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive of these members, and a manifest that knows the file ``a``."""
    out = io.BytesIO()
    tree = told if told is not None else msgspec.to_builtins(manifest([{"path": "a", "sha256": digest(b"1"), "size": 1}]))
    raw = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in (*members, member(f"{STEM}/manifest.json", raw)):
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue())


def with_files(*files: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = msgspec.to_builtins(manifest())
    return {**told, "files": list(files), **more}


A = {"path": "a", "sha256": digest(b"1"), "size": 1}
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "link": (lambda: packed(member(type=tarfile.SYMTYPE, linkname="/etc/passwd", data=b"")), "no plain file"),
    "hard link": (lambda: packed(member(type=tarfile.LNKTYPE, linkname="a", data=b"")), "no plain file"),
    "device": (lambda: packed(member(type=tarfile.CHRTYPE, data=b"")), "no plain file"),
    "pipe": (lambda: packed(member(type=tarfile.FIFOTYPE, data=b"")), "no plain file"),
    "folder": (lambda: packed(member(type=tarfile.DIRTYPE, data=b"")), "no plain file"),
    "absolute": (lambda: packed(member("/etc/passwd")), "no path of a bundle"),
    "way up": (lambda: packed(member(f"{STEM}/../../x")), "no path of a bundle"),
    "no folder": (lambda: packed(member("a")), "no path of a bundle"),
    "two folders": (lambda: packed(member("other/a")), "no path of a bundle"),
    "escapes": (lambda: packed(member(f"{STEM}/\x1b[31m")), "no path of a bundle"),
    "not UTF-8": (lambda: packed(member(f"{STEM}/\udcff")), "no path of a bundle"),
    "long header": (lambda: packed(member(f"{STEM}/{'x' * 300}"), form=tarfile.GNU_FORMAT), "no plain file"),
    "pax header": (lambda: packed(member(f"{STEM}/ä"), form=tarfile.PAX_FORMAT), "no plain file"),
    "twice": (lambda: packed(member(), member()), "in it twice"),
    "not in manifest": (lambda: packed(member(), member(f"{STEM}/b")), "not in its manifest"),
    "no manifest": (lambda: gzip.compress(b"\0" * 1024), "no manifest"),
    "empty": (lambda: b"", "no manifest"),
    "no gzip": (lambda: b"PK\x03\x04" + b"x" * 600, "cut off or damaged"),
    "no tar": (lambda: gzip.compress(b"x" * 600), "no archive of ours"),
    "after the manifest": (
        lambda: packed(member(f"{STEM}/manifest.json", json.dumps(with_files()).encode())),
        "after the manifest|in it twice",
    ),
    "manifest no JSON": (lambda: packed(member(), told=b"{"), "manifest cannot be read"),
    "manifest a list": (lambda: packed(member(), told=b"[]"), "manifest cannot be read"),
    "manifest deep": (lambda: packed(member(), told=b"[" * 100_000), "manifest cannot be read"),
    "manifest of another version": (lambda: packed(member(), told=with_files(A, version=2)), "of version 2"),
    "manifest of something else": (lambda: packed(member(), told=with_files(A, schema="x")), "this reads ztui.bundle"),
    "manifest names twice": (lambda: packed(member(), told=with_files(A, A)), "names a file twice"),
    "manifest goes up": (lambda: packed(told=with_files({**A, "path": "../a"})), "no path of a bundle"),
    "manifest without hash": (lambda: packed(member(), told=with_files({**A, "sha256": "x"})), "hash or size"),
    "manifest of a negative size": (lambda: packed(member(), told=with_files({**A, "size": -1})), "hash or size"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_B42_B43_B44_a_hostile_archive_is_refused(tmp_path: Path, name: str) -> None:
    make, words = HOSTILE[name]
    path = tmp_path / "x.tar.gz"
    path.write_bytes(make())
    with pytest.raises(DataError, match=words) as caught:
        read_bundle(path)
    assert str(caught.value).isprintable()
    assert names(tmp_path) == ["x.tar.gz"]


def test_B43_what_comes_after_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed(member()) + gzip.compress(b"hidden"))
    with pytest.raises(DataError, match="comes after its end"):
        read_bundle(path)


def test_B43_a_size_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info, _ = member()
    info.size = 1 << 40
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 512))
    with pytest.raises(DataError, match="are the most"):
        read_bundle(path)


def test_B43_a_bomb_is_unpacked_up_to_the_limit_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_LIMIT", 100_000)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed(*(member(f"{STEM}/{at}", b"\0" * 50_000) for at in range(3))))
    assert path.stat().st_size < 2_000
    with pytest.raises(DataError, match="unpacks to more than 100000 bytes"):
        read_bundle(path)


def test_B43_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MEMBERS_LIMIT", 3)
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed(*(member(f"{STEM}/{at}", b"") for at in range(4))))
    with pytest.raises(DataError, match="more than 3 members"):
        read_bundle(path)


def test_B43_a_file_that_was_cut_off_anywhere_is_no_bundle(tmp_path: Path) -> None:
    whole = written(tmp_path, {"a": b"1" * 3000, "b/c": os.urandom(3000)}).read_bytes()
    cut = tmp_path / "cut.tar.gz"
    for size in range(0, len(whole) - 1, 97):
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError):
            read_bundle(cut)


SOUND: Final = gzip.decompress(
    packed(
        member(data=b"1" * 700),
        member(f"{STEM}/b/c", b"2"),
        told=with_files(
            {"path": "a", "sha256": digest(b"1" * 700), "size": 700}, {"path": "b/c", "sha256": digest(b"2"), "size": 1}
        ),
    )
)


def test_what_is_turned_into_other_archives_is_sound(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(SOUND))
    assert read_bundle(tmp_path / "x").is_sound


@given(data=st.data())
def test_B43_whatever_an_archive_becomes_it_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(SOUND)
    for at in data.draw(st.lists(st.integers(0, 3 * 512 - 1), max_size=6)):
        raw[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # with a header whose sum is right, whatever it says
        raw[148:156] = b"%06o\0 " % (sum(raw[:148]) + 8 * 32 + sum(raw[156:512]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tar.gz"
        path.write_bytes(gzip.compress(bytes(raw)))
        try:
            found = read_bundle(path)
        except DataError as error:
            assert str(error).isprintable()
        else:
            assert all(problem.isprintable() for problem in found.problems)
        assert names(Path(folder)) == ["x.tar.gz"]


def test_a_bit_that_turned_is_found(tmp_path: Path) -> None:
    told = with_files({**A, "sha256": digest(b"2")}, {"path": "gone", "sha256": digest(b""), "size": 0})
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed(member(), told=told))
    found = read_bundle(path)
    assert found.problems == ("a is not what was captured: its hash or size is another one", "gone is named and missing")
    with pytest.raises(DataError, match="not what was captured"):
        page_of(found, "a")
    with pytest.raises(DataError, match="is missing"):
        page_of(found, "gone")
    with pytest.raises(DataError, match="there is no"):
        page_of(found, "\x1b[31m")


def test_a_pipe_a_folder_and_nothing_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        with pytest.raises(DataError):
            read_bundle(path)


def test_a_page_passes_the_text_gate(tmp_path: Path) -> None:
    found = read_bundle(written(tmp_path, {"a": b"\x1b[31mred\n\xff\xfe"}))
    assert page_of(found, "a")[0] == "\\x1b[31mred"
    assert all(line.isprintable() for line in page_of(found, "a"))
