"""The few expressions in which the warehouse's engines differ; everything else is plain SQLAlchemy Core."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Double, Integer, Text, func, literal_column, type_coerce
from sqlalchemy.sql.elements import ColumnElement

Column = ColumnElement[Any]


def epoch_us(timestamp: Column) -> ColumnElement[int]:
    """Microseconds since 1970, UTC."""
    return func.epoch_us(timestamp, type_=BigInteger)


def integer_divide(dividend: Column, divisor: int) -> ColumnElement[int]:
    """Whole-number division; SQL's own sign means something else in every engine."""
    return type_coerce(dividend.op("//", precedence=8)(literal_column(str(int(divisor)))), BigInteger)


def seconds_between(start: Column, end: Column) -> ColumnElement[float]:
    return type_coerce((epoch_us(end) - epoch_us(start)) / literal_column("1e6"), Double)


def month_number(local_us: Column) -> ColumnElement[int]:
    """Months since year 0 of a local clock's microseconds since 1970."""
    day = func.make_timestamp(local_us)
    return type_coerce(func.year(day) * literal_column("12") + func.month(day) - literal_column("1"), Integer)


def median(value: Column) -> ColumnElement[float]:
    return func.median(value, type_=Double)


def data_value(data: Column, key: str) -> ColumnElement[str]:
    """The text of one key of a hit's JSON; NULL where it is missing. The key is taken as it is, dots included."""
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    return func.json_extract_string(data, pointer, type_=Text)


def json_keys(data: Column) -> ColumnElement[str]:
    """A row for each key of a hit's JSON; none where there is no JSON."""
    return func.unnest(func.json_keys(data), type_=Text)


def text_part(text: Column, separator: str, part_number: int) -> ColumnElement[str]:
    """The text between signs, counted from 1."""
    return func.split_part(text, separator, part_number, type_=Text)


def grouping(*columns: Column) -> ColumnElement[int]:
    """Which set of GROUPING SETS a row belongs to: a bit for each column that is not in it, the first one highest."""
    return func.grouping(*columns, type_=BigInteger)
