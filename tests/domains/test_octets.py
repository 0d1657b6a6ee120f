"""A mapped message reads as its bytes would, wherever its head, its windows and the question end."""

from hypothesis import given
from hypothesis import strategies as st

import domains.octets
from domains.octets import MappedOctets, behind, chunks_of, joined, map_file, spill, whole

small = st.binary(max_size=40)
offsets = st.integers(0, 80)


def both(head: bytes, tail: bytes) -> tuple[bytes, MappedOctets]:
    return head + tail, MappedOctets(head, memoryview(tail))


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"a"]), max_size=60).map(b"".join),
    st.integers(0, 60),
    st.integers(1, 9),
    st.lists(st.tuples(offsets, offsets, st.sampled_from([b"\n", b"\r\n", b"\n--", b"\r\n\r\n"])), max_size=8),
)
def test_every_question_is_answered_as_bytes_answer_it(octets, cut, window, questions):
    domains.octets.WINDOW, kept = window, domains.octets.WINDOW
    try:
        plain, mapped = both(octets[:cut], octets[cut:])
        assert len(mapped) == len(plain)
        for start, end, wanted in questions:
            assert mapped[start:end] == plain[start:end]
            assert mapped[-start:] == plain[-start:]
            assert mapped.find(wanted, start, end) == plain.find(wanted, start, end)
            assert mapped.find(wanted) == plain.find(wanted)
            assert mapped.count(b"\n", start, end) == plain.count(b"\n", start, end)
            assert mapped.startswith(wanted, start) == plain.startswith(wanted, start)
            if start < len(plain):
                assert mapped[start] == plain[start]
            assert whole(behind(mapped, start)) == behind(plain, start)
    finally:
        domains.octets.WINDOW = kept


@given(small, small, small)
def test_what_stands_before_is_added_without_a_copy_of_the_rest(one, two, three):
    plain, mapped = both(two, three)
    assert whole(joined(one, mapped)) == joined(one, plain)
    assert b"".join(chunks_of(mapped)) == b"".join(chunks_of(plain)) == plain


def test_a_file_is_read_after_it_was_closed_and_removed(tmp_path):
    octets = bytes(range(256)) * 20_000
    path = tmp_path / "message"
    path.write_bytes(octets)
    with path.open("rb") as file:
        mapped = map_file(file.fileno())
    path.unlink()
    assert whole(mapped) == octets
    assert mapped[3_000_000:3_000_010] == octets[3_000_000:3_000_010]
    assert bytes(spill([b"one", memoryview(b"two")])) == b"onetwo"
    assert bytes(spill([])) == b""
