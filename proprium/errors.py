"""Everything that can go wrong and is worth telling, as one tree.

ProblemForReader
├── BadQuery            400   a period, filter, dimension or option that makes no sense
├── SqlRefused          400   a statement of the owner's own SQL that was not run, or failed
├── SignInNeeded        401
├── KeyNeeded           401   no API key, or one that was revoked
├── KeyTooWeak          403   an API key that may only read
├── NotForReaders       403   what only those may have who may change the property
│   └── DataKeyNotPublic
├── NotFound            404   missing, or not yours: both look the same
│   └── PropertyNotFound
├── Conflict            409   a name or address that is taken, a protected thing
├── TooManyAttempts     429
├── TooManyRequests     429   an API key that asks too often
├── PasswordQueueFull   503   too many passwords wait to be checked
├── ChromiumMissing     503
├── PrintFailed         503
├── ReportsBusy         503   more reports than the server makes at a time
├── TooSlow             503   a question that took longer than a server can wait
├── TooLarge            503   a question that needs more memory or disk than the server has
├── SqlBusy             503   somebody's statement waits for another one
└── WarehouseBusy       503
    └── WarehouseRebuilding  another version's: it cannot be asked before it is filled anew
ProblemForOperator            a sentence for the terminal; exit code 1
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID


class UserFacingError(Exception):
    """Shown to the person at the browser or the API client as it is: the value at fault and the way out."""

    status = 400
    title = "That did not work"
    headers: Mapping[str, str] = MappingProxyType({})  # of the HTTP answer


class BadQuery(UserFacingError):
    title = "That question cannot be answered"


class SqlRefused(UserFacingError):
    """`line` and `column` count from 1, where the place is known."""

    title = "That statement does not work"

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class SignInRequired(UserFacingError):
    status = 401
    title = "Please sign in"


class ApiKeyRequired(UserFacingError):
    status = 401
    title = "An API key is needed"
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class InsufficientScope(UserFacingError):
    status = 403
    title = "This key may not do that"


class Forbidden(UserFacingError):
    status = 403
    title = "That is not yours to take"


class DataKeyNotPublic(Forbidden):
    """`dimension` is data.<key>; the message does not depend on whether the key was ever sent."""

    title = "That data is not public"

    def __init__(self, dimension: str, *, can_be_public: bool) -> None:
        shortened = dimension if len(dimension) <= 60 else dimension[:60] + "…"
        way_out = (
            "Its owner can make the key public in the settings of the property."
            if can_be_public
            else "It identifies single visitors or page views, so it cannot be made public."
        )
        super().__init__(f"{shortened} is only for those who may change this property. {way_out}")


class NotFound(UserFacingError):
    status = 404
    title = "Not found"


class PropertyNotFound(NotFound):
    def __init__(self, property_id: UUID | str) -> None:
        super().__init__(f"No property {property_id}. It may have been deleted.")


class Conflict(UserFacingError):
    status = 409
    title = "That is taken or protected"


class TooManyAttempts(UserFacingError):
    status = 429
    title = "Too many attempts"


class TooManyRequests(UserFacingError):
    status = 429
    title = "Too many requests"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(max(1, retry_after_s))}


class PasswordQueueFull(UserFacingError):
    status = 503
    title = "Too many sign-ins at once"
    headers = MappingProxyType({"Retry-After": "5"})

    def __init__(self) -> None:
        super().__init__("Too many passwords are being checked right now. Go back and try again in a few seconds.")


class ChromiumMissing(UserFacingError):
    status = 503
    title = "No Chromium"


class PrintFailed(UserFacingError):
    status = 503
    title = "The report could not be printed"


class ReportsBusy(UserFacingError):
    status = 503
    title = "Too many reports at once"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(max(1, retry_after_s))}


class QueryTimeout(UserFacingError):
    status = 503
    title = "That takes too long"


class QueryTooLarge(UserFacingError):
    status = 503
    title = "That takes too much memory"


class SqlBusy(UserFacingError):
    status = 503
    title = "Too many statements"


class WarehouseBusy(UserFacingError):
    status = 503
    title = "The warehouse is busy"


class WarehouseRebuilding(WarehouseBusy):
    title = "The warehouse is being rebuilt"
    headers = MappingProxyType({"Retry-After": "5"})

    def __init__(self, percent: int) -> None:
        super().__init__(f"The warehouse is being rebuilt: {percent} %. Numbers can be asked for when it is done.")


class OperatorError(Exception):
    """One plain sentence with the way out, for the terminal."""
