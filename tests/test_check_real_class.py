"""A class with personal numbers, from the command line: points, and a run that is killed."""

import csv
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def test_a_class_that_was_killed_and_resumed_has_the_same_gradebook(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import classroom

    folder, whole, parts = (tmp_path / n for n in ("class", "whole.csv", "parts.csv"))
    folder.mkdir()
    classroom.submissions(folder, 9)
    classroom.checked(folder, whole, 2)
    done = classroom.killed(folder, parts, 2, 9, 60)
    assert 0 < done <= 10
    classroom.checked(folder, parts, 2, "--resume")
    assert whole.read_bytes() == parts.read_bytes()
    with whole.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    points = sorted(float(row["points"]) for row in rows)
    assert len(points) == 9
    assert points[3:] == [36.0] * 6  # all that needs no person
    assert all(30 <= p <= 36 for p in points[:3])
    assert sum(bool(row["first wrong lines"]) for row in rows) == 3
