"""The targets, what was measured for each in every round, and the table of it."""

import statistics


class Target:
    """One line: ours against a peer's or against a limit, and the bound that it has to keep.

    A ratio is ours / theirs within one round, so that a drift of the machine does not count.
    """

    def __init__(self, number, work, peer, bound, at_least, unit="calls/s"):
        self.number, self.work, self.peer, self.unit = number, work, peer, unit
        self.bound, self.at_least = bound, at_least
        self.ours, self.theirs = [], []
        self.missing = None  # why there is no figure
        self.limits = []     # what the libraries underneath do at best, as targets of their own

    def add(self, ours, theirs):
        self.ours.append(ours)
        self.theirs.append(theirs)

    def ratios(self):
        return [a / b if b else float("inf") for a, b in zip(self.ours, self.theirs)]

    def verdict(self):
        if not self.ours:
            return f"not measured: {self.missing or 'the run ended before'}"
        if self.bound is None:
            return "for comparison"
        if self.is_kept(statistics.median(self.ratios())):
            return "holds"
        limits = [statistics.median(limit.ratios()) for limit in self.limits if limit.ours]
        if not limits:
            return "MISSED"
        limit = min(limits) if self.at_least else max(limits)
        if self.is_kept(limit):
            return f"MISSED, where the libraries alone reach {limit:.2f}"
        return f"out of reach: the libraries alone miss it with {limit:.2f}"

    def is_kept(self, ratio):
        return ratio == self.bound or (ratio > self.bound) == self.at_least

    def cells(self):
        sign = "" if self.bound is None else f"{'>=' if self.at_least else '<='} {self.bound:g}"
        if not self.ours:
            return [self.number, self.work, self.peer, "", "", "", "", sign, self.verdict()]
        ratios = self.ratios()
        return [self.number, self.work, self.peer, f"{show(statistics.median(self.ours))}",
                f"{show(statistics.median(self.theirs))} {self.unit}",
                f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f}–{max(ratios):.2f}", sign,
                self.verdict()]


def show(number):
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


HEADS = ["", "work", "against", "this", "that", "ratio", "spread", "target", "verdict"]


def text(targets):
    rows = [HEADS] + [target.cells() for target in targets]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) if i in (0, 1, 2, 8) else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
                     for row in rows)


def markdown(targets):
    lines = ["| " + " | ".join(HEADS) + " |",
             "|---|---|---|---:|---:|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(cell.replace(">=", "≥").replace("<=", "≤")
                                for cell in target.cells()) + " |" for target in targets]
    return "\n".join(lines)
