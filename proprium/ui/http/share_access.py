"""Access by share link: opens the link of a request, and remembers in the browser that its password was given."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from proprium.accounts import share_links
from proprium.accounts.share_links import OpenShare, ShareLinkNotFound
from proprium.storage.tables import ShareLink
from proprium.ui.services import Services

PASSWORD_COOKIE = "proprium_share"


def paths_of(token: str) -> tuple[str, str]:
    """Returns the paths of the page and of its embedded form."""
    return f"/share/{token}", f"/embed/{token}"


def open_share(services: Services, token: str) -> OpenShare:
    """Returns what the link grants; its password is still to be asked for. Raises ShareLinkNotFound.

    Two indexed reads; cheap enough for the event loop.
    """
    return share_links.open_by_token(services.database, token, clock=services.clock)


def knows_password(services: Services, request: HTTPConnection, link: ShareLink) -> bool:
    """Returns True if the browser has given the link's current password, or the link has none."""
    proof = request.cookies.get(PASSWORD_COOKIE, "")
    return share_links.proves_password(services.database, link, proof, clock=services.clock)


def require_share(services: Services, request: HTTPConnection, token: str) -> OpenShare:
    """Returns what the link grants. Raises ShareLinkNotFound also without the password."""
    share = open_share(services, token)
    if not knows_password(services, request, share.link):
        raise ShareLinkNotFound
    return share


def set_proof(response: Response, token: str, proof: str, *, is_https: bool) -> None:
    """Sets the cookies of the link's two pages.

    In a frame of another site, browsers send only SameSite=None, which they accept over HTTPS only.
    """
    max_age_s = int(share_links.PASSWORD_LIFETIME.total_seconds())
    share_path, embed_path = paths_of(token)
    response.set_cookie(
        PASSWORD_COOKIE, proof, max_age=max_age_s, path=share_path, httponly=True, samesite="lax", secure=is_https
    )
    response.set_cookie(
        PASSWORD_COOKIE,
        proof,
        max_age=max_age_s,
        path=embed_path,
        httponly=True,
        samesite="none" if is_https else "lax",
        secure=is_https,
    )
