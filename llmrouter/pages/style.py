"""How pages look, in light and in dark; nothing is fetched."""

from __future__ import annotations

from typing import Final

# Two sets of eight hues whose neighbours differ for people with any kind of colour vision, each
# with at least 3:1 contrast to its ground or a value beside it.
LIGHT: Final = ("#2a78d6", "#eb6834", "#1baf7a", "#4a3aa7", "#eda100", "#e87ba4", "#008300",
                "#e34948")  # fmt: skip
DARK: Final = ("#3987e5", "#d95926", "#199e70", "#9085e9", "#c98500", "#d55181", "#44a944",
               "#e66767")  # fmt: skip

_RULES: Final = """
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
.subtitle, .note, caption { color: var(--soft); } .note { font-size: .875rem; margin: 0 0 .5rem; }
figure { margin: 1.25rem 0; padding: 1rem; border: 1px solid var(--rule); border-radius: .5rem;
  overflow-x: auto; }
figcaption { font-weight: 600; margin-bottom: .25rem; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg text { fill: var(--ink); font-size: 12px; } svg text.mark { fill: var(--soft);
  font-variant-numeric: tabular-nums; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.band { fill-opacity: .45; } .band:hover { fill-opacity: .75; } .other { fill: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0;
  margin: 0 0 .5rem; font-size: .875rem; }
.swatch { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px;
  margin-right: .4rem; }
details { margin-top: .5rem; } summary { cursor: pointer; color: var(--soft); font-size: .875rem; }
.scrolls { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0;
  font-size: .875rem; } caption { text-align: left; padding-bottom: .25rem; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
th[scope=row] { font-weight: 400; min-width: 10rem; overflow-wrap: anywhere; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th, thead .figure { white-space: normal; vertical-align: bottom; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; padding: 0; }
.tiles div { border: 1px solid var(--rule); border-radius: .5rem; padding: .75rem; }
.tiles dt { color: var(--soft); font-size: .8rem; } .tiles dd { margin: 0; font-size: 1.4rem; }
@media print { details > * { display: block; } figure { break-inside: avoid; } }
"""


def stylesheet() -> str:
    """The whole style of a page."""
    light = "--ground: #fff; --ink: #1a1a1a; --soft: #5c5c5c; --rule: #dcdcdc;"
    dark = "--ground: #161616; --ink: #ededed; --soft: #a6a6a6; --rule: #3a3a3a;"
    return (
        f":root {{ color-scheme: light dark; {light} {_hues(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} {_hues(DARK)} }} }}"
        f"{_RULES}{_series_rules()}"
    )


def _hues(hues: tuple[str, ...]) -> str:
    return " ".join(f"--s{place}: {hue};" for place, hue in enumerate(hues))


def _series_rules() -> str:
    return "\n".join(
        f".s{n} {{ fill: var(--s{n}); background: var(--s{n}); }} .l{n} {{ stroke: var(--s{n}); }}"
        for n in range(len(LIGHT))
    )
