"""Error hierarchy: every exception whose message is shown to a user, an API client or an operator.

UserFacingError
├── BadQuery            400   invalid period, filter, dimension or option
├── SqlRefused          400   a statement in the SQL console that was rejected or failed
├── SignInRequired      401
├── ApiKeyRequired      401   missing or revoked API key
├── InsufficientScope   403   read-only API key used for writing
├── Forbidden           403   reserved to users who may edit the property
│   └── DataKeyNotPublic
├── NotFound            404   missing or not accessible: both look the same
│   ├── PropertyNotFound
│   ├── InvalidSetupLink
│   ├── InvalidInvitation
│   └── InvalidLink
├── Conflict            409   a name or address in use, a protected object
├── TooManyAttempts     429
├── TooManyRequests     429   an API key over its rate limit
├── PasswordQueueFull   503   too many passwords wait for hashing
├── ChromiumMissing     503
├── PrintFailed         503
├── ReportsBusy         503   more reports than the server renders at a time
├── QueryTimeout        503   a query that exceeded its deadline
├── QueryTooLarge       503   a query that needs more memory or disk than the server has
├── SqlBusy             503   a statement in the SQL console that waits for another one
└── WarehouseBusy       503
    └── WarehouseRebuilding  the warehouse has another version's schema and is unavailable until it is rebuilt
OperatorError                 a sentence for the terminal; exit code 1
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from proprium.i18n import N_
from proprium.i18n import gettext as _


class UserFacingError(Exception):
    """Error whose message is shown verbatim to a user or API client: it names the bad value and the way out.

    The message is translated where it is raised; `title` where it is shown.
    """

    status = 400
    title = N_("Bad request")
    headers: Mapping[str, str] = MappingProxyType({})  # of the HTTP response


class BadQuery(UserFacingError):
    title = N_("Invalid query")


class SqlRefused(UserFacingError):
    """Rejected or failed SQL statement.

    `line` and `column` count from 1; None when the position is not known.
    """

    title = N_("SQL error")

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class SignInRequired(UserFacingError):
    status = 401
    title = N_("Sign-in required")


class ApiKeyRequired(UserFacingError):
    status = 401
    title = N_("API key required")
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class InsufficientScope(UserFacingError):
    status = 403
    title = N_("Insufficient scope")


class Forbidden(UserFacingError):
    status = 403
    title = N_("Forbidden")


class DataKeyNotPublic(Forbidden):
    """Query for a non-public data key.

    `dimension` is data.<key>; the message does not reveal if it was ever sent.
    """

    title = N_("Data not public")

    def __init__(self, dimension: str, *, can_be_public: bool) -> None:
        shortened = dimension if len(dimension) <= 60 else dimension[:60] + "…"
        super().__init__(
            _(
                "{key} is visible only to users who may edit this property. "
                "Its owner can make the key public in the settings of the property.",
                key=shortened,
            )
            if can_be_public
            else _(
                "{key} is visible only to users who may edit this property. "
                "It identifies individual visitors or page views, so it cannot be made public.",
                key=shortened,
            )
        )


class NotFound(UserFacingError):
    status = 404
    title = N_("Not found")


class PropertyNotFound(NotFound):
    def __init__(self, property_id: UUID | str) -> None:
        super().__init__(_("No property {property_id}. It may have been deleted.", property_id=property_id))


class InvalidSetupLink(NotFound):
    """Setup link with a wrong, used or replaced token."""

    def __init__(self) -> None:
        super().__init__(_("This setup link is no longer valid. Restart the server to get a new one, or sign in."))


class InvalidInvitation(NotFound):
    """Invitation link that is unknown, used, expired or revoked, or whose address has an account meanwhile."""

    def __init__(self) -> None:
        super().__init__(_("This invitation is not valid, or no longer. Ask whoever invited you for a new link."))


class InvalidLink(NotFound):
    """One-time link with an unknown, used or expired token: all look the same."""

    def __init__(self) -> None:
        super().__init__(_("This link is not valid or not valid any more: it works once, for one hour. Get a new one."))


class Conflict(UserFacingError):
    status = 409
    title = N_("Conflict")


class TooManyAttempts(UserFacingError):
    status = 429
    title = N_("Too many attempts")


class TooManyRequests(UserFacingError):
    status = 429
    title = N_("Too many requests")

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(max(1, retry_after_s))}


class PasswordQueueFull(UserFacingError):
    status = 503
    title = N_("Too many sign-ins")
    headers = MappingProxyType({"Retry-After": "5"})

    def __init__(self) -> None:
        super().__init__(_("Too many passwords are being checked right now. Go back and try again in a few seconds."))


class ChromiumMissing(UserFacingError):
    status = 503
    title = N_("Chromium not found")


class PrintFailed(UserFacingError):
    status = 503
    title = N_("PDF not created")


class ReportsBusy(UserFacingError):
    status = 503
    title = N_("Too many reports")

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(max(1, retry_after_s))}


class QueryTimeout(UserFacingError):
    status = 503
    title = N_("Query timed out")


class QueryTooLarge(UserFacingError):
    status = 503
    title = N_("Query too large")


class SqlBusy(UserFacingError):
    status = 503
    title = N_("Too many SQL queries")


class WarehouseBusy(UserFacingError):
    status = 503
    title = N_("Warehouse busy")


class WarehouseRebuilding(WarehouseBusy):
    title = N_("Warehouse rebuilding")
    headers = MappingProxyType({"Retry-After": "5"})

    def __init__(self, percent: int) -> None:
        super().__init__(_("The warehouse is being rebuilt: {percent} %. Try again when it is done.", percent=percent))


class OperatorError(Exception):
    """Error for the operator's terminal: one plain sentence with the way out."""
