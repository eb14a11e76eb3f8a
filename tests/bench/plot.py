"""Draws what compare measured, as SVG, with gnuplot."""

import shutil
import statistics
import subprocess

HEAD = """set terminal svg size 760,420 font "sans,12" background "white"
set output "{path}"
set title "{title}"
set xlabel "{x}"
set ylabel "{y}"
set grid
set key outside right
"""


def draw(path, title, axes, settings, lines):
    """lines: (name, [(x, y)]) pairs; settings: further commands of gnuplot. False without it."""
    if shutil.which("gnuplot") is None:
        print(f"not drawn: {path}: gnuplot is not there (Debian package gnuplot-nox)")
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = "".join(f"${i} << END\n" + "".join(f"{x} {y}\n" for x, y in points) + "END\n"
                     for i, (_, points) in enumerate(lines)).replace("$", "$data")
    curves = ", ".join(f'$data{i} with linespoints linewidth 2 pointtype 7 pointsize 0.5 title "{name}"'
                       for i, (name, _) in enumerate(lines))
    script = (HEAD.format(path=path, title=title, x=axes[0], y=axes[1]) + settings + blocks
              + f"plot {curves}\n")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    print(f"drawn: {path}", flush=True)
    return True


def medians(curve, index):
    return [(at, statistics.median(point[index] for point in points))
            for at, points in curve.items()]


def growth(directory, curves):
    """What a Read costs the server, by keys and by connections."""
    draw(directory / "growth.svg", "Processor time of the server for a Read",
         ("keys, or connections", "microseconds"),
         "set logscale x\nset yrange [0:*]\n",
         [(f"by {name}", medians(curve, 0)) for name, curve in curves.items()])


def memory(directory, points):
    draw(directory / "memory.svg", "Resident memory of the server", ("connections", "MB"),
         "set yrange [0:*]\n", [("stated", points)])


def load(directory, curves):
    """Calls a second, by calls in flight."""
    draw(directory / "load.svg", "Reads by load, one connection", ("calls in flight", "calls a second"),
         "set logscale x 2\nset yrange [0:*]\nset format y '%.0s%c'\n", list(curves.items()))


def latency(directory, distributions):
    """Latency by percentile; the share above it is what the axis shows, on a scale of tens."""
    lines = []
    for name, pairs in distributions.items():
        lines.append((name, [(1 / (1 - percent / 100), time) for percent, time in pairs
                             if percent < 100 and time > 0]))
    draw(directory / "latency.svg", "Latency of a Read at a fixed rate, from when it was due",
         ("percentile", "microseconds"),
         "set logscale xy\nset xtics ('0' 1, '50' 2, '90' 10, '99' 100, '99.9' 1000, '99.99' 10000)\n",
         lines)
