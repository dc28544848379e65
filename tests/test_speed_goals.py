"""The rows of docs/speed.md: they name contenders that exist, and say rightly what is met."""

import pytest

from benches.speed import page
from benches.speed.contenders import CONTENDERS, GROUPS
from benches.speed.goals import GUARD, ROWS, Row


def test_every_row_names_contenders():
    assert {name for row in ROWS for name in row.names} <= set(CONTENDERS)


def test_every_contender_is_of_a_group():
    assert {contender.group for contender in CONTENDERS.values()} == set(GROUPS)


def test_goals_are_numbers():
    assert all(row.goal is None or row.goal > 0 for row in ROWS)
    assert all(value > 0 for value in GUARD.values())


@pytest.mark.parametrize(
    ("row", "measured", "shown"),
    [
        (Row("x", "a", "b", at_most=0.5), 0.25, ("0.25", "0.5", "yes")),
        (Row("x", "a", "b", at_most="1/32"), 0.05, ("1/20", "1/32", "no")),
        (Row("x", "a", "b", at_most="1/1.5"), 0.5, ("1/2", "1/1.5", "yes")),
        (Row("x", "a", kind="difference", at_most=0.02), 0.0123, ("12.3 ms", "20.0 ms", "yes")),
        (Row("x", "a", "b"), 2.0, ("2", "", "")),
        (Row("x", "c", "b", at_most=1.0), 2.0, ("not measured", "1", "no")),
    ],
)
def test_a_goal_is_met_or_not(row, measured, shown):
    assert page._cells(row, [{"a": {"seconds": measured}, "b": {"seconds": 1.0}}]) == shown


def test_ratios_are_taken_within_a_round():
    row = Row("x", "a", "b")
    rounds = [{n: {"seconds": v} for n, v in zip("ab", pair, strict=True)} for pair in
              ((1, 2), (30, 20), (4, 4))]  # fmt: skip
    assert row.values([*rounds, {"a": {"seconds": 1}}]) == [0.5, 1.5, 1.0]
    assert page._cells(row, rounds)[0] == "1 (0.5 to 1.5)"


def test_a_row_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="metric is 'second'"):
        Row("x", "a", "b", metric="second")
    with pytest.raises(ValueError, match="ratio over nothing"):
        Row("x", "a")


def test_the_page_has_every_contender_and_every_row():
    rounds = [{name: {"seconds": 0.5} for name in CONTENDERS}]
    told = {"quick": False, "ccds": 40, "shape": (4644, 2112), "machine": {"memory": "1 GiB"}}
    text = page.render({**told, "agreement": ["task: 0 ADU"], "rounds": rounds})
    assert all(f"| {name} | 500.0 " in text for name in CONTENDERS)
    assert all(f"| {row.text} |" in text for row in ROWS)
