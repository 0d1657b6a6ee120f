"""Unpacking: what a file is by its octets, and every bound."""

import gzip
import io
import itertools
import random
import struct
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domains.dmarc import archive
from domains.dmarc.archive import (
    FROM_OUTSIDE,
    OWN_FILES,
    BadArchive,
    Limits,
    unpack,
    unpacked_chunks,
    unpacked_members,
)
from tests.domains.dmarc.samples import report_xml, zipped

XML = report_xml()


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (XML, "report.xml"),
        (gzip.compress(XML), "report.xml.gz"),
        (gzip.compress(XML), "report.zip"),
        (zipped({"report.xml": XML}), "report.zip"),
        (zipped({"report.xml": XML}), "report.xml.gz"),
        (XML, "report.gz"),
        (zipped({"a/": b"", "a/b/": b"", "a/b/report.xml": XML}), "report.zip"),
        (zipped({"report.xml": XML, "__MACOSX/._report.xml": b"x", ".DS_Store": b"x"}), "report.zip"),
        (zipped({"README": b"read me", "report.XML": XML}), "report.zip"),
        (zipped({"report": XML}), "report.zip"),
        (zipped({"report.xml": XML}, zipfile.ZIP_STORED), ""),
        (gzip.compress(XML[:100]) + gzip.compress(XML[100:]), "two members"),
        (gzip.compress(XML) + b"\0" * 512, "padded"),
        (gzip.compress(XML) + b"signature", "noise after"),
    ],
)
def test_the_octets_say_what_a_file_is(octets, name):
    assert unpack(octets, name) == XML


def encrypted() -> bytes:
    octets = bytearray(zipped({"report.xml": XML}))
    octets[6] |= 1
    octets[octets.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


def zip_with_false_size() -> bytes:
    """Return an archive whose directory promises 10 octets for a longer member."""
    octets = bytearray(zipped({"report.xml": XML}))
    struct.pack_into("<I", octets, octets.rfind(b"PK\x01\x02") + 24, 10)
    return bytes(octets)


def zip_with_false_count() -> bytes:
    """Return an archive of 150 members whose end says that it is one."""
    octets = bytearray(zipped({f"{n}.xml": XML for n in range(150)}))
    struct.pack_into("<HH", octets, octets.rfind(b"PK\x05\x06") + 8, 1, 1)
    return bytes(octets)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "empty"),
        (b"hello", "neither XML nor gzip nor zip"),
        (b"\x89PNG\r\n", "neither XML nor gzip nor zip"),
        (gzip.compress(b"hello"), "no XML"),
        (gzip.compress(gzip.compress(XML)), "another archive"),
        (zipped({"inner.zip": zipped({"report.xml": XML})}), "another archive"),
        (zipped({"a.xml": XML, "b.xml": XML}), "2 files"),
        (zipped({"folder/": b""}), "no file"),
        (zipped({}), "no file"),
        (zipped({f"{n}.xml": b"<a/>" for n in range(200)}), "more than 100 entries"),
        (zipped({"report.xml": XML})[:-30], "ends too early"),
        (gzip.compress(XML)[:-9], "ends too early"),
        (gzip.compress(XML)[:20] + b"\xff" * 40, "damaged"),
        (zipped({"report.xml": XML}, zipfile.ZIP_BZIP2), "other than deflate"),
        (zipped({"report.xml": XML}, zipfile.ZIP_LZMA), "other than deflate"),
        (encrypted(), "encrypted"),
        (zip_with_false_size(), "damaged"),
        (gzip.compress(b"") * 200, "more than 100 members"),
        (zip_with_false_count(), "150 files"),
    ],
)
def test_bad_files_are_refused_with_a_reason(octets, reason):
    with pytest.raises(BadArchive, match=reason):
        unpack(octets, "report")


@pytest.mark.parametrize("pack", [gzip.compress, lambda octets: zipped({"report.xml": octets})], ids=["gzip", "zip"])
def test_a_bomb_stops_at_the_ratio(pack, monkeypatch):
    taken = []
    real = archive._Budget.take
    monkeypatch.setattr(archive._Budget, "take", lambda budget, part: taken.append(len(part)) or real(budget, part))
    bomb = pack(b"<feedback>" + b" " * 50_000_000)
    with pytest.raises(BadArchive, match="200 times"):
        unpack(bomb, "bomb")
    assert sum(taken) == len(bomb) * 200 + 1


def test_twenty_megabytes_are_the_most(monkeypatch):
    noise = random.Random(1).randbytes(500_000).hex().encode()
    content = (b"<feedback>" + noise * 30)[: 20 * 2**20]
    assert len(content) == 20 * 2**20
    assert len(unpack(gzip.compress(content, 1), "")) == 20 * 2**20
    for packed in (gzip.compress(content + b" ", 1), zipped({"a.xml": content + b" "})):
        with pytest.raises(BadArchive, match="more than 20 MB"):
            unpack(packed, "")
    with pytest.raises(BadArchive, match="larger than 20 MB"):
        unpack(content + b" ", "")


def test_time_is_bounded():
    noise = random.Random(1).randbytes(400_000).hex().encode()
    clock = itertools.count(0.0, 2.0).__next__
    with pytest.raises(BadArchive, match="more than 5 seconds"):
        unpack(gzip.compress(b"<feedback>" + noise), "", clock)


def test_a_zip64_directory_is_refused():
    octets = zipped({"report.xml": XML})
    end = octets.rfind(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    with pytest.raises(BadArchive, match="above 4 GB"):
        unpack(octets[:end] + locator + octets[end:], "")


def test_raw_deflate_is_not_taken_for_gzip():
    with pytest.raises(BadArchive):
        unpack(zlib.compress(XML), "report.gz")


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([gzip.compress(XML), zipped({"report.xml": XML})]))
def test_damaged_archives_raise_only_bad_archive(data, octets):
    damaged = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadArchive):
        unpack(bytes(damaged), "")


def opened(octets: bytes) -> io.BytesIO:
    return io.BytesIO(octets)


def read_members(octets: bytes, limits: Limits = FROM_OUTSIDE) -> list[tuple[str, bytes]]:
    return [(name, b"".join(chunks)) for name, chunks in unpacked_members(opened(octets), "file", limits)]


def test_an_archive_may_hold_many_reports():
    other = report_xml(report_id="r-2")
    packed = zipped({"2024/": b"", "2024/a.xml": XML, "2024/b.xml": other, "README": b"x", "__MACOSX/._a.xml": b"x"})
    assert read_members(packed) == [("2024/a.xml", XML), ("2024/b.xml", other)]
    assert read_members(gzip.compress(XML)) == [("file", XML)]
    assert read_members(XML) == [("file", XML)]


def test_many_reports_share_one_budget():
    packed = zipped({f"{n}.xml": XML + random.Random(n).randbytes(20_000).hex().encode() for n in range(10)})
    limits = Limits(octets=200_000, ratio=200, files=20, seconds=5.0)
    with pytest.raises(BadArchive, match="unpacks to more than"):
        read_members(packed, limits)
    with pytest.raises(BadArchive, match="more than 5 entries"):
        read_members(packed, Limits(octets=10**6, ratio=200, files=5, seconds=5.0))


def test_one_bad_member_does_not_hide_the_next():
    members = unpacked_members(opened(zipped({"a.xml": b"hello", "b.xml": XML})), "", FROM_OUTSIDE)
    _name, chunks = next(members)
    with pytest.raises(BadArchive, match="no XML"):
        list(chunks)
    _name, chunks = next(members)
    assert b"".join(chunks) == XML


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda octets: zipped({"r.xml": octets})])
def test_a_large_file_comes_in_chunks(pack, tmp_path):
    content = XML + b" " * (30 * 2**20)
    path = tmp_path / "report"
    path.write_bytes(pack(content))
    with path.open("rb") as file:
        chunks = list(unpacked_chunks(file, path.name, OWN_FILES))
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= 128 * 1024
        with pytest.raises(BadArchive, match=r"20 MB|200 times"):
            list(unpacked_chunks(file, path.name, FROM_OUTSIDE))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_archives_of_many_raise_only_bad_archive(data):
    damaged = bytearray(zipped({"a.xml": XML, "b.xml": XML}))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadArchive):
        read_members(bytes(damaged))


def test_an_archive_cut_anywhere_raises_only_bad_archive():
    for octets in (gzip.compress(XML), zipped({"a.xml": XML})):
        for length in range(len(octets)):
            with pytest.raises(BadArchive):
                read_members(octets[:length])


def test_a_member_without_a_name_is_no_member():
    octets = bytearray(zipped({"report.xml": b"<feedback/>"}))
    directory = octets.rfind(b"PK\x01\x02")
    octets[directory + 28 : directory + 30] = b"\0\0"  # the length of the name in the directory
    with pytest.raises(BadArchive):
        unpack(bytes(octets), "r.zip")
