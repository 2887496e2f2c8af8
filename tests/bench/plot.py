"""Two plots as one SVG: the time of a login by the size of the store, and beside the peers, on a logarithmic axis."""

import html
import math

WIDTH, LEFT, BAR, GAP = 900, 260, 18, 8
STYLE = "font-family: sans-serif; font-size: 13px"


def text(x, y, words, anchor="start", size=13, fill="#222"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">'
            f"{html.escape(words)}</text>")


def bars(result, top):
    """A bar for each stack, fastest first."""
    words = dict(result["peer_words"])
    measured = {name: line["whole"]["p50"] for name, line in result["peers"].items()}
    out = [text(10, top - 14, "One login beside the peers, µs, logarithmic", size=15)]
    least, most = math.log10(50), math.log10(max(list(measured.values()) + [1000]) * 1.6)
    scale = (WIDTH - LEFT - 90) / (most - least)
    for i, (name, value) in enumerate(sorted(measured.items(), key=lambda item: item[1])):
        y = top + i * (BAR + GAP)
        length = max(2, (math.log10(value) - least) * scale)
        ours = name.startswith("orgtoken")
        label = "pam_orgtoken, 10^5 tokens" if ours else words.get(name, "pam_" + name)
        out.append(text(LEFT - 8, y + BAR - 4, label, "end"))
        out.append(f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" '
                   f'fill="{"#2a7" if ours else "#9ab"}"/>')
        out.append(text(LEFT + length + 6, y + BAR - 4, f"{value:.0f}"))
    return out, top + len(measured) * (BAR + GAP)


def sizes(result, top):
    """Median and p99 by the number of tokens, and the floor."""
    points = sorted((int(name.split("-")[1]), line["whole"]) for name, line in result["two_cores"].items()
                    if name.startswith("orgtoken-"))
    floor = result["two_cores"]["echo"]["whole"]["p50"]
    most = max(line["p99"] for _, line in points) * 1.15
    height, span = 220, max(1, math.log10(points[-1][0]) - 3)
    place = lambda n: LEFT + (math.log10(n) - 3) / span * (WIDTH - LEFT - 120)
    level = lambda v: top + height - v / most * height
    out = [text(10, top - 14, "One login by the size of the store, µs, two cores", size=15),
           f'<line x1="{LEFT}" y1="{level(0)}" x2="{WIDTH - 60}" y2="{level(0)}" stroke="#444"/>',
           f'<line x1="{LEFT}" y1="{level(floor):.0f}" x2="{WIDTH - 60}" y2="{level(floor):.0f}" '
           'stroke="#999" stroke-dasharray="4"/>',
           text(LEFT - 8, level(floor), f"a daemon that only echoes {floor:.0f}", "end", 12, "#666")]
    for what, colour in (("p50", "#2a7"), ("p99", "#c73")):
        line = " ".join(f"{place(n):.0f},{level(v[what]):.0f}" for n, v in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for n, v in points:
            out.append(f'<circle cx="{place(n):.0f}" cy="{level(v[what]):.0f}" r="4" fill="{colour}"/>')
            out.append(text(place(n) + 6, level(v[what]) - 6, f"{what} {v[what]:.0f}", size=11, fill=colour))
    out += [text(place(n), top + height + 18, f"10^{math.log10(n):.0f}", "middle") for n, _ in points]
    return out, top + height + 60


def draw(result):
    m = result["machine"]
    first, below = sizes(result, 50)
    second, end = bars(result, below + 30)
    note = f'{m["cpu"]}, {m["cores"]} cores, Linux {m["kernel"]}, {m["system"]}, {m["date"]}'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{end + 40}" style="{STYLE}">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(first + second)}'
            f'{text(10, end + 26, note, size=11, fill="#666")}</svg>\n')
