"""The corpus in numbers, for docs/compatibility.md: `python -m tests.corpus.listing` writes them there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.corpus import THEMES, TRAPS
from tests.corpus.trap import Serves, Trap

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
_BEGIN, _END = "<!-- corpus: made by python -m tests.corpus.listing -->\n", "<!-- end of corpus -->\n"


def written(page: str) -> str:
    """The page with its listing as it should be."""
    before, _, rest = page.partition(_BEGIN)
    return before + _BEGIN + "\n" + "\n".join(_listing()) + "\n" + _END + rest.partition(_END)[2]


def _listing() -> Iterator[str]:
    yield "| Theme | Traps | serve | of these after a heal | stop | not as they should yet |"
    yield "|---|---|---|---|---|---|"
    for theme, traps in (*THEMES.items(), ("**all**", TRAPS)):
        yield _row(theme, traps)
    yield ""
    for trap in TRAPS:
        if trap.wrong:
            yield f"- Not yet, `{trap.name}`: {trap.lesson} But {trap.wrong}."
    yield ""


def _row(theme: str, traps: Sequence[Trap]) -> str:
    right = [trap.expects for trap in traps if not trap.wrong]
    serving = [expects for expects in right if isinstance(expects, Serves)]
    healed = [expects for expects in serving if expects.heals]
    numbers = (len(traps), len(serving), len(healed), len(right) - len(serving), len(traps) - len(right))
    return f"| {theme} | {' | '.join(map(str, numbers))} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
