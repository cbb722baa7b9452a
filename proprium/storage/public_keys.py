"""Keys of event data that an owner may publish to readers."""

from __future__ import annotations

NEVER_PUBLIC = frozenset({"userid", "viewid", "visitor", "visitorid"})
"""Each names one visitor or one page view: a filter on it would follow a person. Lower case, letters and digits."""


def can_be_public(key: str) -> bool:
    """Returns False for keys that identify a visitor or a page view, in any spelling."""
    return "".join(char for char in key.casefold() if char.isalnum()) not in NEVER_PUBLIC
