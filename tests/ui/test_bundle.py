from __future__ import annotations

import pytest
from nicegui import dependencies

from maps.atlas import Atlas
from proprium.ui.http import asset_urls

ATLAS = Atlas()


def test_charts_import_the_slim_bundle_when_it_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset_urls, "bundle_url", lambda: "/assets/build/plotly.0123456789ab.js")
    monkeypatch.setattr(dependencies, "importmap_overrides", {})
    assert asset_urls.install_chart_bundle()
    assert dependencies.importmap_overrides == {"nicegui-plotly": "/assets/build/plotly.0123456789ab.js"}


def test_without_a_build_charts_import_nicegui_s_own_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset_urls, "bundle_url", lambda: None)
    monkeypatch.setattr(dependencies, "importmap_overrides", {})
    assert not asset_urls.install_chart_bundle()
    assert dependencies.importmap_overrides == {}


@pytest.mark.parametrize("country", [None, "", "de", "../../x", "ZZ", "D", "DEU"])
def test_what_is_no_country_has_no_flag(country: str | None) -> None:
    assert asset_urls.flag_url(country) is None


def test_every_country_of_the_map_has_a_flag() -> None:
    assert [code for code in sorted(ATLAS.codes) if asset_urls.flag_url(code) is None] == []


def test_maps_are_kept_until_they_change() -> None:
    assert ATLAS.version in asset_urls.world_url(ATLAS)
    assert asset_urls.regions_url(ATLAS, "DE").startswith("/maps/regions/DE.json?v=")
