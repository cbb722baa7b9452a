"""Excluded hits leave all numbers, and return when the rule is removed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from proprium.properties.service import create_property, update_settings
from proprium.storage.event_codec import to_timestamp_us
from proprium.storage.events import count_events
from proprium.storage.tables import ChangeKind, EventRow, StorageChange
from proprium.warehouse import schema
from proprium.warehouse.projection.exclusions import Exclusions, matches_wildcard
from tests.support.builders import CHROME, GOOGLEBOT, IPHONE, an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse


@pytest.mark.parametrize(
    ("pattern", "page", "is_left_out"),
    [
        ("/admin/*", "/admin/users", True),
        ("/admin/*", "/admin/", True),
        ("/admin/*", "/admin", False),
        ("/admin/*", "/blog/admin/x", False),
        ("/admin", "/admin", True),
        ("/admin", "/admin?id=7", True),
        ("/admin?id=7", "/admin?id=7", True),
        ("/admin?id=7", "/admin?id=8", False),
        ("/Admin", "/admin", False),
        ("*.pdf", "/files/a.pdf", True),
        ("/*/edit", "/a/b/edit", True),
        ("/*/edit", "/edit", False),
        ("/", "/#/settings", False),
        ("/#/settings*", "/#/settings/x", True),
        ("/a[bc].+", "/ab.+", False),
        ("/a*", None, False),
    ],
)
def test_a_path_is_matched_whole(pattern: str, page: str | None, is_left_out: bool) -> None:
    assert Exclusions(paths=(pattern,)).reason(None, page, CHROME) == ("path" if is_left_out else None)


@pytest.mark.parametrize(
    ("pattern", "is_left_out"),
    [("chrome", True), ("Chrome/140", True), ("Firefox", False), ("mozilla*safari/*", True), ("chrome*", False)],
)
def test_a_user_agent_is_matched_anywhere_or_whole_by_a_pattern(pattern: str, is_left_out: bool) -> None:
    assert Exclusions(user_agents=(pattern,)).reason(None, "/", CHROME) == ("user_agent" if is_left_out else None)
    assert Exclusions(user_agents=(pattern,)).reason(None, "/", "") is None


def test_a_country_that_is_not_known_is_no_country_that_is_left_out() -> None:
    rule = Exclusions(countries=frozenset({"DE"}))
    assert [rule.reason(code, "/", CHROME) for code in ("DE", "FR", None)] == ["country", None, None]


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=5), st.lists(st.text("ab*", max_size=3), max_size=4))
def test_a_star_stands_for_any_text(parts: list[str], between: list[str]) -> None:
    fillings = [*between, *[""] * len(parts)]
    text = parts[0] + "".join(filling + part for filling, part in zip(fillings, parts[1:], strict=False))
    assert matches_wildcard(text, "*".join(parts))
    assert not matches_wildcard(text + "c", "*".join(parts) + "d")


def test_a_pattern_of_many_stars_ends(warehouse: FilledWarehouse) -> None:
    assert not matches_wildcard("a" * 2_000, "*a" * 250 + "b")


def numbers(filled: FilledWarehouse) -> tuple[Any, Any]:
    with filled.warehouse.read() as connection:
        return (
            connection.execute(select(schema.event).order_by(schema.event.c.seq)).all(),
            connection.execute(select(schema.session).order_by(schema.session.c.session)).all(),
        )


def a_day(property: int = 1) -> list[Any]:
    """Sessions that some rule takes a hit from, in the middle, at an end, or whole; and a bot."""
    start = moment("09:00")
    return [
        an_event(
            f"v{n % 7}",
            at=start + timedelta(minutes=n * 4),
            page=("/", "/admin/users", "/pricing", "/admin/x")[n % 4],
            country=("DE", "FR", None)[n % 7 % 3],
            user_agent=(CHROME, IPHONE, GOOGLEBOT)[n % 5 % 3],
            property=property,
        )
        for n in range(120)
    ]


RULES = [
    {"excluded_paths": ["/admin/*"]},
    {"excluded_countries": ["FR"]},
    {"excluded_user_agents": ["iphone"]},
    {"excluded_user_agents": ["Googlebot"]},
    {"excluded_paths": ["*"]},
    {"excluded_paths": ["/admin/x"], "excluded_countries": ["DE"], "excluded_user_agents": ["mozilla/5.0 (X11*"]},
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_history_follows_a_rule_and_its_taking_back(warehouse: FilledWarehouse, rule: dict[str, list[str]]) -> None:
    other = create_property(warehouse.database, "Other", None).number or 0
    warehouse.append([*a_day(), *a_day(other)])
    before = numbers(warehouse)

    update_settings(warehouse.database, warehouse.property.id, **rule)
    assert warehouse.projector.catch_up() == {1}
    left = numbers(warehouse)
    assert len([row for row in left[0] if row.property == 1]) < 120
    assert [row for row in left[0] if row.property == other] == [row for row in before[0] if row.property == other]
    warehouse.projector.rebuild()
    assert numbers(warehouse) == left
    assert count_events(warehouse.database) == 240

    update_settings(warehouse.database, warehouse.property.id, **{name: [] for name in rule})
    warehouse.projector.catch_up()
    assert numbers(warehouse) == before


def test_new_hits_follow_the_rules_too_and_sessions_are_of_what_is_left(warehouse: FilledWarehouse) -> None:
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/admin/*"])
    warehouse.append([an_event("ada", "09:00", "/admin/a"), an_event("ada", "09:05", "/b")])
    warehouse.append([an_event("ada", "09:10", "/admin/c"), an_event("bob", "09:00", "/admin/d")])
    events, (session,) = numbers(warehouse)
    assert [row.page for row in events] == ["/b"]
    assert (session.views, session.entry_page, session.exit_page) == (1, "/b", "/b")
    assert session.started_at == moment("09:05")
    assert warehouse.projector.lag_s() == 0


def test_a_rule_that_changes_while_hits_arrive_holds_for_all_of_them(warehouse: FilledWarehouse) -> None:
    """The projector may read rules between two commits: what it made by the older ones is made anew."""
    day = a_day()
    warehouse.append(day[:40])
    warehouse.store.append(day[40:80])
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/admin/*"])
    warehouse.store.append(day[80:])
    warehouse.projector.catch_up()
    left = numbers(warehouse)
    assert {row.page for row in left[0]} == {"/", "/pricing"}
    warehouse.projector.rebuild()
    assert numbers(warehouse) == left


def test_the_status_tells_what_is_left_out_from_what_has_yet_to_come(warehouse: FilledWarehouse) -> None:
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/admin/*"])
    warehouse.append([an_event("ada", "09:00", "/admin/a"), an_event("ada", "09:05", "/b")])
    warehouse.store.append([an_event("ada", "09:10", "/admin/c")])
    status = warehouse.projector.status()
    assert (status.storage_events, status.warehouse_events, status.left_out_events) == (3, 1, 1)


@pytest.mark.parametrize("kind", [kind for kind in ChangeKind if kind is not ChangeKind.RULES_CHANGED])
def test_deleted_events_leave_the_excluded_ones_too(warehouse: FilledWarehouse, kind: ChangeKind) -> None:
    update_settings(warehouse.database, warehouse.property.id, excluded_paths=["/admin"])
    others = create_property(warehouse.database, "Others", None).number or 0
    warehouse.append(
        [
            *(an_event("ada", "09:00", page) for page in ("/", "/admin")),
            *(an_event("bob", "10:00", page) for page in ("/", "/admin")),
            an_event("ada", "09:00", "/admin", property=others),
        ]
    )
    event: Any = EventRow.__table__  # type: ignore[attr-defined]
    is_ada, is_first = event.c.user_id == "ada", event.c.property == 1
    is_deleted = is_first if kind in {ChangeKind.PROPERTY_DELETED, ChangeKind.PROPERTY_RESET} else is_first & is_ada
    with warehouse.database.write_transaction() as session:
        seqs = list(session.scalars(select(event.c.seq).where(is_deleted)))
        visitor = session.scalar(select(event.c.visitor).where(is_ada))
        detail = {ChangeKind.VISITOR_ERASED: {"visitor": visitor}, ChangeKind.EVENTS_DELETED: {"seqs": seqs}}
        before = to_timestamp_us(moment("09:30")) if kind is ChangeKind.PRUNED else None
        session.execute(event.delete().where(event.c.seq.in_(seqs)))
        session.add(StorageChange(kind=kind, property=1, before=before, detail=detail.get(kind, {})))
        stored = set(session.scalars(select(event.c.seq)))
    warehouse.projector.catch_up()
    with warehouse.warehouse.read() as connection:
        projected = {
            seq for table in (schema.event, schema.left_out) for seq in connection.scalars(select(table.c.seq))
        }
    assert projected == stored
