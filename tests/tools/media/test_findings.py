"""Boxes, points, spans, transcripts, tables, depth and embeddings check what they are built from."""

import numpy as np
import pytest
from pydantic import ValidationError

from panmodal.tools.errors import WrongArgument
from panmodal.tools.media.kinds import Boxes, Depth, Embedding, Image, Points, Segment, Spans, Table, Text, Transcript

IMAGE = Image.from_array(np.zeros((20, 30, 3), np.uint8))


def test_boxes_know_their_picture_and_can_be_taken_in_any_order():
    boxes = Boxes.of([[0, 0, 5, 5], [1, 2, 3, 4]], ["circle", "star"], np.array([0.9, 0.8], np.float32), IMAGE)
    assert (boxes.width, boxes.height, boxes.image_id, len(boxes)) == (30, 20, IMAGE.id, 2)
    assert boxes.scores == (0.9, 0.8) and boxes.xyxy.dtype == np.float32
    swapped = boxes.take(np.array([1, 0]))
    assert swapped.labels == ("star", "circle") and swapped.xyxy[0].tolist() == [1, 2, 3, 4]
    assert boxes.take([]).empty and Boxes.of([], [], [], IMAGE) == boxes.take([])


@pytest.mark.parametrize(
    ("xyxy", "labels", "scores"),
    [
        ([[0, 0, 1]], ["a"], [1]),
        ([[0, 0, 1, 1]], [], [1]),
        ([[0, 0, 1, 1]], ["a"], []),
        ([[0, 0, 1, np.nan]], ["a"], [1]),
        ([[5, 0, 1, 1]], ["a"], [1]),
        ([[0, 0, 1, 1]], ["a"], [np.inf]),
        ([["x", 0, 1, 1]], ["a"], [1]),
    ],
)
def test_boxes_that_cannot_be_are_refused(xyxy, labels, scores):
    with pytest.raises(WrongArgument):
        Boxes.of(xyxy, labels, scores, IMAGE)


def test_points_and_spans_check_their_numbers():
    points = Points.of([[1, 2], [3, 4]], [True, False], IMAGE)
    assert points.positive == (True, False) and points.xy.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(WrongArgument):
        Points.of([[1, 2]], [True, False], IMAGE)
    spans = Spans.of([(0.5, 1.25)], ["speech"], [0.75])
    assert spans.seconds.tolist() == [[0.5, 1.25]] and Spans.of([]).empty
    for wrong in ([(1, 0)], [(-1, 0)], [(0, np.inf)], [(0, 1, 2)]):
        with pytest.raises(WrongArgument):
            Spans.of(wrong)


def test_a_transcript_reads_as_text_and_its_times_run_forward():
    transcript = Transcript.of([Segment(text=" Hello ", start=0, end=1), Segment(text="there.", start=1, end=2)], "en")
    assert transcript.text == "Hello there." and len(transcript) == 2 and Transcript.of([]).empty
    with pytest.raises(ValidationError):
        Segment(text="no", start=2, end=1)


def test_a_table_fills_gaps_and_refuses_strangers():
    table = Table.of([{"a": 1}, {"b": [1, {"c": None}]}])
    assert table.columns == ("a", "b")
    assert table.rows == [{"a": 1, "b": None}, {"a": None, "b": [1, {"c": None}]}]
    table.rows[0]["a"] = 9
    assert table.rows[0]["a"] == 1
    for rows, columns in (([{"a": 1}], ["b"]), ([{"a": float("nan")}], None), ([{"a": b"x"}], None)):
        with pytest.raises(WrongArgument):
            Table.of(rows, columns)


def test_depth_and_embeddings_check_shape_and_type():
    values = np.full((20, 30), np.inf, np.float32)
    assert Depth.of(values, IMAGE, "relative").values[0, 0] == np.inf
    with pytest.raises(WrongArgument):
        Depth.of(values.T, IMAGE, "metres")
    assert Embedding.of(np.ones(4, np.float32), "m").vectors.shape == (1, 4)
    for wrong in (np.ones(4), np.full((1, 4), np.nan, np.float32), np.ones((1, 2, 3), np.float32)):
        with pytest.raises(WrongArgument):
            Embedding.of(wrong, "m")


def test_text_is_read_in_the_usual_encodings():
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert Text.open("圆 é".encode(encoding)).text == "圆 é"
    assert Text.of("a\ud800b").text == "a?b"
    assert Text.of(" \n").empty and not Text.of("0").empty
