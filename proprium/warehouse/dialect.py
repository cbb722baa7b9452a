"""The SQL dialect: expressions in which warehouse engines differ. All other SQL is plain SQLAlchemy Core."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Double, Integer, Text, func, literal_column, type_coerce
from sqlalchemy.sql.elements import ColumnElement

Column = ColumnElement[Any]


def epoch_us(timestamp: Column) -> ColumnElement[int]:
    """Converts a timestamp to microseconds since 1970, UTC."""
    return func.epoch_us(timestamp, type_=BigInteger)


def integer_divide(dividend: Column, divisor: int) -> ColumnElement[int]:
    """Divides integers, rounding down; the operator `/` differs from engine to engine."""
    return type_coerce(dividend.op("//", precedence=8)(literal_column(str(int(divisor)))), BigInteger)


def seconds_between(start: Column, end: Column) -> ColumnElement[float]:
    return type_coerce((epoch_us(end) - epoch_us(start)) / literal_column("1e6"), Double)


def month_number(local_us: Column) -> ColumnElement[int]:
    """Counts months since year 0, from microseconds since 1970 in local time."""
    day = func.make_timestamp(local_us)
    return type_coerce(func.year(day) * literal_column("12") + func.month(day) - literal_column("1"), Integer)


def median(value: Column) -> ColumnElement[float]:
    return func.median(value, type_=Double)


def data_value(data: Column, key: str) -> ColumnElement[str]:
    """Extracts a top-level key of an event's JSON as text; NULL where it is missing.

    The key is taken literally: dots in it do not descend.
    """
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    return func.json_extract_string(data, pointer, type_=Text)


def json_keys(data: Column) -> ColumnElement[str]:
    """Yields a row for each top-level key of an event's JSON; none for NULL."""
    return func.unnest(func.json_keys(data), type_=Text)


def text_part(text: Column, separator: str, part_number: int) -> ColumnElement[str]:
    """Splits a text at a separator and returns one part, counted from 1."""
    return func.split_part(text, separator, part_number, type_=Text)


def grouping(*columns: Column) -> ColumnElement[int]:
    """Identifies the grouping set of a row in GROUPING SETS.

    A bit field: a bit is set for each column that is not grouped by, the first column's the highest.
    """
    return func.grouping(*columns, type_=BigInteger)
