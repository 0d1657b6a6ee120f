"""Unpacking: what a file is by its octets, and every bound."""

import gzip
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
from domains.dmarc.archive import BadArchive, unpack
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
    monkeypatch.setattr(archive._Budget, "take", lambda budget, part: (taken.append(len(part)), real(budget, part)))
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
