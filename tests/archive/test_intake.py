"""What the messages of a partition become."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import headrace as hr
from headrace.archive import End
from headrace.archive.layout import TIMESTAMP
from headrace.archive.letters import JUDGED
from operators.intake import MIN64, judged
from operators.kernels import judge
from operators.shard import REASONS
from tests.archive.topic import CLICKS, HOUR_US, START_US, chunks, click, clicks, intake
from tests.kafka.messages import raw

TIMES = st.lists(st.tuples(st.one_of(st.none(), st.integers(-40, 400)), st.integers(0, 60)), min_size=1, max_size=40)


def test_a_chunk_is_of_one_hour() -> None:
    times = [START_US + at for at in (0, HOUR_US - 1, HOUR_US, 3 * HOUR_US)]
    found = chunks([clicks(times, first=7)])
    assert [(c.first_offset, c.next_offset, c.messages, c.batch.num_rows) for c in found] == [(7, 9, 2, 2), (9, 10, 1, 1), (10, 11, 1, 1)]
    assert [(c.first_arrival_us, c.arrival_us) for c in found] == [(times[0], times[1]), (times[2], times[2]), (times[3], times[3])]


def test_arrival_is_a_running_maximum_that_goes_on() -> None:
    at = START_US
    batches = [raw([click(0, at), b"no json"], [at, at + 9], 0), raw([click(2, at), None, click(4, at)], [at + 4, at + 20, at + 11], 2)]
    end = {0: End(0, at + 5, None)}
    one, two = chunks(batches, end)
    assert one.batch.column("_arrival").cast(pa.int64()).to_pylist() == [at + 5]
    assert two.batch.column("_arrival").cast(pa.int64()).to_pylist() == [at + 9, at + 20]
    assert (one.arrival_us, two.arrival_us, two.tombstones) == (at + 9, at + 20, 1)


def test_what_cannot_be_used_has_a_letter_with_its_bytes() -> None:
    at = START_US + 10 * HOUR_US
    values = [click(0, at), b'{"uid": "x"}', click(2, None), click(3, at + HOUR_US), click(4, at - 2 * HOUR_US), b"\xff", click(6, at)]
    batch = raw(values, [at] * 7, 100, topic="clicks-topic")
    batch.keys[1] = b"k"
    (chunk,) = chunks([batch])
    letters = {letter.offset: letter for letter in chunk.letters}
    assert [letters[offset].reason for offset in (102, 103, 104)] == ["no event time", "too far ahead of its arrival", "too late"]
    assert sorted(letters) == [101, 102, 103, 104, 105]
    assert (letters[101].topic, letters[101].key, letters[101].value, letters[101].column) == ("clicks-topic", b"k", b'{"uid": "x"}', "uid")
    assert letters[105].value == b"\xff"
    assert chunk.batch.column("uid").to_pylist() == [0, 2, 3, 4, 6], "rows that are judged are archived all the same"
    assert [letters[at].in_log for at in sorted(letters)] == [False, True, True, True, False]
    assert chunk.newest_us == at


def test_what_was_loaded_is_left_out() -> None:
    at = START_US
    step = intake(None, at + 10)
    batches = [raw([click(0, at), click(1, at)], [at, at + 10], 0), raw([b"dead", click(3, at), b"dead"], [at + 5, at + 11, at], 2)]
    (chunk,) = step.on_batch(batches)[0]
    assert (chunk.first_offset, chunk.next_offset, chunk.batch.num_rows, step.skipped.messages) == (3, 5, 1, 3)
    assert [letter.offset for letter in chunk.letters] == [4], "what arrived before the end of the loaded rows is no letter either"


def test_the_reasons_are_those_of_the_flow() -> None:
    assert frozenset(REASONS.values()) == JUDGED


@given(TIMES, st.one_of(st.none(), st.integers(-100, 100)), st.integers(0, 50), st.integers(0, 50))
def test_verdicts_are_those_of_the_kernel(rows: list[tuple[int | None, int]], before: int | None, lateness: int, ahead: int) -> None:
    source = hr.Source("s", schema={"ts": "timestamp"}, time="ts", lateness=f"{lateness}us", max_ahead=f"{ahead}us")
    arrivals = np.cumsum([step for _, step in rows]).astype(np.int64)
    batch = pa.RecordBatch.from_arrays(
        [pa.array([time for time, _ in rows], pa.int64()).cast(TIMESTAMP), pa.array(arrivals).cast(TIMESTAMP)], ["ts", "_arrival"]
    )
    newest = MIN64 if before is None else before
    times = np.array([time or 0 for time, _ in rows], np.int64)
    has_time = np.array([time is not None for time, _ in rows], np.uint8)
    verdict = np.empty(len(rows), np.uint8)
    after = judge.judge(times, has_time, arrivals, lateness, ahead, newest, verdict)
    expected = [(row, REASONS[code]) for row, code in enumerate(verdict.tolist()) if code != judge.OK]
    assert judged(source, batch, newest) == (expected, after)


def test_a_source_without_messages_gives_nothing() -> None:
    assert chunks([], {}, None, CLICKS) == []
