"""What was found is kept, shown and handed on; the secret that it is about is not."""

from __future__ import annotations

import re
from dataclasses import replace

from pullet.domain.security import Finding

_SECRETS = frozenset({256, 259, 321, 522, 798})
_LITERAL = re.compile(r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""")
_SHORT = 3  # characters; what is no longer is no secret, and tells what the line does


def without_secrets(finding: Finding) -> Finding:
    """Where it is about a secret in the code, every text in the line is left out; the line can be looked up."""
    if finding.cwe not in _SECRETS or finding.identity:
        return finding
    return replace(finding, code=_LITERAL.sub(_hidden, finding.code))


def _hidden(found: re.Match[str]) -> str:
    quote, text = found["quote"], found["text"]
    return found[0] if len(text) <= _SHORT or text.isupper() else f"{quote}…{quote}"
