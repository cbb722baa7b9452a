"""Everything that can go wrong and is worth telling, as one tree.

ProblemForReader
├── BadQuery            400   a period, filter, dimension or option that makes no sense
├── SignInNeeded        401
├── KeyNeeded           401   no API key, or one that was revoked
├── KeyTooWeak          403   an API key that may only read
├── NotFound            404   missing, or not yours: both look the same
│   └── PropertyNotFound
├── Conflict            409   a name or address that is taken, a protected thing
├── TooManyAttempts     429
├── ChromiumMissing     503
├── PrintFailed         503
├── TooSlow             503   a question that took longer than a server can wait
└── WarehouseBusy       503
ProblemForOperator            a sentence for the terminal; exit code 1
"""

from __future__ import annotations

from uuid import UUID


class ProblemForReader(Exception):
    """Shown to the person at the browser or the API client as it is: the value at fault and the way out."""

    status = 400
    title = "That did not work"


class BadQuery(ProblemForReader):
    title = "That question cannot be answered"


class SignInNeeded(ProblemForReader):
    status = 401
    title = "Please sign in"


class KeyNeeded(ProblemForReader):
    status = 401
    title = "An API key is needed"


class KeyTooWeak(ProblemForReader):
    status = 403
    title = "This key may not do that"


class NotFound(ProblemForReader):
    status = 404
    title = "Not found"


class PropertyNotFound(NotFound):
    def __init__(self, property_id: UUID | str) -> None:
        super().__init__(f"No property {property_id}. It may have been deleted.")


class Conflict(ProblemForReader):
    status = 409
    title = "That is taken or protected"


class TooManyAttempts(ProblemForReader):
    status = 429
    title = "Too many attempts"


class ChromiumMissing(ProblemForReader):
    status = 503
    title = "No Chromium"


class PrintFailed(ProblemForReader):
    status = 503
    title = "The report could not be printed"


class TooSlow(ProblemForReader):
    status = 503
    title = "That takes too long"


class WarehouseBusy(ProblemForReader):
    status = 503
    title = "The warehouse is busy"


class ProblemForOperator(Exception):
    """One plain sentence with the way out, for the terminal."""
