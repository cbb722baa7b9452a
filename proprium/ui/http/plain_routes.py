"""Public routes that are no pages: robots.txt, sitemap.xml, favicon, and redirects of legacy URLs."""

from __future__ import annotations

from xml.sax.saxutils import escape

from fastapi import APIRouter
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from proprium.config import Settings
from proprium.ui.http.asset_urls import ASSETS

PUBLIC_PAGES = ("/", "/documentation", "/changelog")
LEGACY_REDIRECTS = {
    "/accounts/login": "/login",
    "/accounts/logout": "/account",
    "/accounts/signup": "/login",
    "/accounts/profile": "/account",
    "/accounts/password-change": "/account#password",
    "/accounts/password-reset": "/password-reset",
}


def router(settings: Settings) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/robots.txt")
    def robots() -> PlainTextResponse:
        allow_lines = "".join(f"Allow: {path}{'$' if path == '/' else ''}\n" for path in PUBLIC_PAGES)
        return PlainTextResponse(
            f"User-agent: *\n{allow_lines}Disallow: /\nSitemap: {settings.public_url}/sitemap.xml\n"
        )

    @routes.get("/sitemap.xml")
    def sitemap() -> Response:
        url_elements = "".join(f"<url><loc>{escape(settings.public_url + path)}</loc></url>" for path in PUBLIC_PAGES)
        xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{url_elements}</urlset>'
        return Response(xml, media_type="application/xml")

    @routes.get("/favicon.ico")
    def favicon() -> FileResponse:
        return FileResponse(ASSETS / "img" / "favicon.ico", headers={"Cache-Control": "public, max-age=86400"})

    def add_redirect(path: str, target: str) -> None:
        routes.add_api_route(path, lambda: RedirectResponse(target, 301), methods=["GET"])

    for old_path, new_path in LEGACY_REDIRECTS.items():
        add_redirect(old_path, new_path)
        add_redirect(old_path + "/", new_path)
    return routes
