"""Statements that are written and planned once, for what every request asks.

The ORM takes ten times as long to write a statement with a join as PostgreSQL to carry it out, and
PostgreSQL ten times as long to plan it. Here its text is kept, with the places of what differs from
call to call, and each connection keeps its plan; rows become models as ever.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, TypeVar, cast

from django.db import NotSupportedError, connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)


def rows_planned(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return what a statement gives whose plan the connection keeps."""
    found: list[tuple[Any, ...]]
    try:
        with cast(Any, connection).planned() as cursor:  # our backend's
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
            return found
    except NotSupportedError:  # a column has another type than when it was planned
        if connection.in_atomic_block:
            raise
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found = cursor.fetchall()
    return found


def rows_written(sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Carry out a statement that gives nothing for each row, without waiting in between."""
    with cast(Any, connection).planned() as cursor:
        cursor.executemany(sql, rows)


class Written(Generic[M]):
    """The statement of a query set in which `places` stand for the values of each call.

    A place is a value of the right type that stands where the call's value shall, once or more
    often, and nowhere else in the statement.
    """

    def __init__(self, rows: QuerySet[M], *places: Any) -> None:
        compiler: Any = rows.query.get_compiler(connection=connection)
        self._sql, parameters = compiler.as_sql()
        self._parameters: Final = list(parameters)
        self._places: Final = [self._places_of(place) for place in places]
        select, about = compiler.select, compiler.klass_info
        own = about["select_fields"]
        self._model: type[M] = about["model"]
        self._own: Final = slice(own[0], own[-1] + 1)
        self._names: Final = [column[0].target.attname for column in select[self._own]]
        self._related: Final = get_related_populators(about, select, connection.alias)  # type: ignore[call-arg]
        self._more: Final[dict[str, int]] = compiler.annotation_col_map or {}
        self._converters: Final = compiler.get_converters([column[0] for column in select])

    def _places_of(self, place: Any) -> list[int]:
        given = [getattr(each, "obj", each) for each in self._parameters]  # bytes come wrapped
        found = [at for at, each in enumerate(given) if each == place]
        if not found:
            raise ValueError(f"{place!r} stands nowhere in the statement.")
        return found

    def first(self, *values: Any) -> M | None:
        """Return the first row for these values, or None."""
        return next(self._found(values), None)

    def _found(self, values: Sequence[Any]) -> Iterator[M]:
        parameters = list(self._parameters)
        for places, value in zip(self._places, values, strict=True):
            for at in places:
                parameters[at] = value
        for row in map(list, rows_planned(self._sql, parameters)):
            for at, (converters, expression) in self._converters.items():
                for convert in converters:
                    row[at] = convert(row[at], expression, connection)
            made = self._model.from_db(connection.alias, self._names, row[self._own])
            for related in self._related:
                related.populate(row, made)
            for name, at in self._more.items():
                setattr(made, name, row[at])
            yield made
