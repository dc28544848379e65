"""The page of results, in Markdown."""

from collections.abc import Mapping, Sequence

from benches.speed.contenders import CONTENDERS, GROUPS
from benches.speed.goals import ROWS, TABLES, Round, Row, Table, middle

_HEAD = """\
# How fast cfhtisr is

Every number on this page was measured by one run of `make {target}`. Rounds: {rounds},
{exposures} with whole exposures. In each round every contender ran once, in a process of its own;
quotients and differences are taken within a round, and the median of the rounds is shown, with the
least and the greatest in brackets. Times depend on the machine. Quotients do so less: quote those.

The pixels are simulated: one CCD is {rows} x {columns} pixels of uint16 with saturated stars and
their trails; bias with its variance, dark and flat are float32; 30 boxes are defects. Everybody
masks saturation, subtracts the median of each row of overscan, trims, assembles, subtracts bias and
dark, computes the variance, divides by the flat and masks what has no number, and the defects; all
but plain ccdproc interpolate what is masked. A whole exposure has {ccds} CCDs.
"""


_COLUMNS = (("cpu", 1e3, ".1f"), ("peak_mib", 1, ".0f"), ("bytes", 1e-6, ".1f"))


def render(told: Mapping) -> str:
    """Return the page of what the runner noted."""
    rounds: Sequence[Round] = told["rounds"]
    exposures = sum(any(CONTENDERS[n].group == "files" for n in r) for r in rounds)
    lines = [
        _HEAD.format(
            target="bench-quick" if told["quick"] else "bench",
            rounds=len(rounds),
            exposures=exposures,
            rows=told["shape"][0],
            columns=told["shape"][1],
            ccds=told["ccds"],
        )
    ]
    lines += ["| machine | |", "| --- | --- |"]
    lines += [f"| {name} | {text} |" for name, text in told["machine"].items()]
    lines += [f"| free for us | {_free(rounds)} |"]
    lines += [
        "",
        "Greatest distance from careful NumPy where nothing is interpolated; flags agree:",
    ]
    lines += ["", *(f"- {text}" for text in told["agreement"])]
    for table in TABLES:
        lines += ["", *_table(table, rounds)]
    lines += ["", "## Times", ""]
    lines += ["Of a CCD; peak memory is beyond the inputs, of commands all of the process."]
    for group, title in GROUPS.items():
        lines += ["", f"### {title[0].upper()}{title[1:]}", "", *_times(group, rounds)]
    return "\n".join(lines) + "\n"


def _free(rounds: Sequence[Round]) -> str:
    """Return how much of a core those got that compute all the time on one thread."""
    shares = []
    for results in rounds:
        for name, result in results.items():
            contender = CONTENDERS[name]
            if contender.group == "memory" and contender.threads == 1 and "cpu" in result:
                shares.append(result["cpu"] / result["seconds"])
    if not shares:
        return "not told"
    return f"{min(middle(shares), 1):.0%} of a core, of contenders that compute on one thread"


def _table(table: Table, rounds: Sequence[Round]) -> list[str]:
    lines = [f"## {table.title}", "", table.note, ""]
    lines += ["| | measured | at most | met |", "| --- | --- | --- | --- |"]
    return lines + [f"| {row.text} | {' | '.join(_cells(row, rounds))} |" for row in table.rows]


def _cells(row: Row, rounds: Sequence[Round]) -> tuple[str, str, str]:
    goal = row.goal
    shown = "" if goal is None else row.at_most if isinstance(row.at_most, str) else row.shown(goal)
    values = row.values(rounds)
    if not values:
        return "not measured", shown, "" if goal is None else "no"
    text = row.shown(middle(values))
    if len(values) > 1:
        text += f" ({row.shown(min(values))} to {row.shown(max(values))})"
    return text, shown, "" if goal is None else "yes" if middle(values) <= goal else "no"


def _times(group: str, rounds: Sequence[Round]) -> list[str]:
    lines = ["| | ms | processor, ms | peak, MiB | file, MB |", "| --- | --- | --- | --- | --- |"]
    for name, contender in CONTENDERS.items():
        results = [results[name] for results in rounds if name in results]
        if contender.group != group or not results:
            continue
        times = [1e3 * result["seconds"] for result in results]
        cells = [f"{middle(times):.1f} ({min(times):.1f} to {max(times):.1f})"]
        for key, scale, form in _COLUMNS:
            values = [scale * result[key] for result in results if key in result]
            cells.append(f"{middle(values):{form}}" if values else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def missed(rounds: Sequence[Round]) -> list[str]:
    """Return the rows whose goal is not met, or could not be measured."""
    return [row.text for row in ROWS if _cells(row, rounds)[2] == "no"]
