"""Authorization of event data in queries: which keys of `data` a principal may break down and filter by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proprium.errors import DataKeyNotPublic
from proprium.metrics.query.filters import DATA_PREFIX, Filter
from proprium.storage.public_keys import can_be_public


@dataclass(frozen=True)
class DataAccess:
    """The data keys that a principal may query.

    It is part of every Query, so that no page and no endpoint can omit the check.
    """

    keys: frozenset[str] | None = frozenset()  # None: every key, for editors

    @property
    def is_full(self) -> bool:
        return self.keys is None

    def allows(self, dimension: str) -> bool:
        """Returns True for allowed data keys, and for all other dimensions."""
        if self.keys is None or not dimension.startswith(DATA_PREFIX):
            return True
        key = dimension.removeprefix(DATA_PREFIX)
        return key in self.keys and can_be_public(key)

    def allows_all(self, filters: Iterable[Filter]) -> bool:
        return all(self.allows(filter_.dimension) for filter_ in filters)

    def counts_goal(self, filters: Iterable[Filter]) -> bool:
        """Returns False for goals on a key that identifies a person: readers do not even get their number."""
        return self.is_full or all(filter_.data_key is None or can_be_public(filter_.data_key) for filter_ in filters)

    def require(self, dimension: str) -> None:
        """Raises DataKeyNotPublic for a key that is not allowed, whether it was ever sent or not."""
        if not self.allows(dimension):
            raise DataKeyNotPublic(dimension, can_be_public=can_be_public(dimension.removeprefix(DATA_PREFIX)))


EVERY_KEY = DataAccess(None)
"""Access of principals who may edit the property."""
NO_KEY = DataAccess()


def public_access(keys: Iterable[str]) -> DataAccess:
    """Returns the access of a reader to a property with these public keys."""
    return DataAccess(frozenset(keys))
