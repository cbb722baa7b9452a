"""HTML head shared by NiceGUI's pages and the error pages: theme script, font, style sheets, icon.

Our style sheets stand in the page: a page's first paint waits for no other request (docs/performance.md).
"""

from __future__ import annotations

import re
from functools import cache

from proprium.ui import theme
from proprium.ui.http.asset_urls import ASSETS, asset_url

UNICODE_RANGE_BY_FONT = {  # font file → characters it contains
    "inter-latin": "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,"
    "U+20AC,U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD",
    "inter-latin-ext": "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329,U+1D00-1DBF,"
    "U+1E00-1E9F,U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF",
}


# Until Inter is loaded, the system's font in Inter's measures: lines and words hardly move when it comes.
FALLBACK_FONT = (
    '@font-face{font-family:"Inter Fallback";src:local("Arial"),local("Liberation Sans"),local("Helvetica"),'
    'local("Roboto");size-adjust:107.12%;ascent-override:90.44%;descent-override:22.52%;line-gap-override:0%}'
)
ICONS = "icons"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINE_START = re.compile(r"\n\s*")


@cache
def head_html(*, has_icons: bool = True) -> str:
    """Returns the head's HTML, with immutable asset URLs.

    The theme script runs before the first paint. `has_icons` is False for pages that draw their icons after it: each
    icon is an SVG document, and those of a dashboard took half of the time of a slow processor (docs/performance.md).
    """
    font_faces = "".join(
        f"@font-face{{font-family:Inter;font-weight:100 900;font-display:swap;unicode-range:{characters};"
        f'src:url("{asset_url(f"fonts/{name}.woff2")}") format("woff2")}}'
        for name, characters in UNICODE_RANGE_BY_FONT.items()
    )
    font_url = asset_url("fonts/inter-latin.woff2")
    font_preload = f'<link rel="preload" as="font" type="font/woff2" crossorigin href="{font_url}">'
    stylesheets = "".join(stylesheet_html(name) for name in ("proprium", *([ICONS] if has_icons else [])))
    favicon = f'<link rel="icon" type="image/svg+xml" href="{asset_url("img/favicon.svg")}">'
    return (
        f"<script>{theme.THEME_SCRIPT}</script>{font_preload}<style>{font_faces}{FALLBACK_FONT}</style>"
        f"{stylesheets}{favicon}"
    )


@cache
def stylesheet_html(name: str) -> str:
    """Returns assets/css/<name>.css as a style element, without comments and indentation."""
    css = (ASSETS / "css" / f"{name}.css").read_text("utf-8")
    return f"<style>{_LINE_START.sub('', _COMMENT.sub('', css))}</style>"
