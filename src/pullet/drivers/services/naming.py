"""Names that variables of a service get, whatever their type."""

from __future__ import annotations

import re


def own_variable(name: str, what: str) -> str:
    """`DB_URL` for the service `db`: tells several services of one type apart.

    >>> own_variable("user-uploads", "PATH")
    'USER_UPLOADS_PATH'
    >>> own_variable("2nd", "URL")
    '_2ND_URL'
    """
    plain = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return f"{'_' if plain[:1].isdigit() else ''}{plain}_{what}"
