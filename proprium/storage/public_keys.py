"""Public data keys: which keys of event data the owner of a property may publish."""

from __future__ import annotations

NEVER_PUBLIC = frozenset({"userid", "viewid", "visitor", "visitorid"})
"""Keys that identify a visitor or a page view: a filter on one would track a person. Lower case, letters and digits."""


def can_be_public(key: str) -> bool:
    """Returns False for keys that identify a visitor or a page view, in any spelling."""
    return "".join(char for char in key.casefold() if char.isalnum()) not in NEVER_PUBLIC
