"""What every table's columns share."""

from inspect import isclass

from sqlmodel import SQLModel

from store.migrate import metadata


def models(base: type[SQLModel]) -> list[type[SQLModel]]:
    return [model for child in base.__subclasses__() for model in (child, *models(child))]


def test_no_row_takes_a_builtin_class_as_its_factory() -> None:
    """Its signature would be parsed at each row: six times the time, and an error where threads do so at once."""
    tables = {table.name for table in metadata().tables.values()}
    rows = [model for model in models(SQLModel) if getattr(model, "__tablename__", None) in tables]
    assert len(rows) > 20
    builtin = [
        f"{row.__name__}.{name}"
        for row in rows
        for name, field in row.model_fields.items()
        if isclass(field.default_factory)
    ]
    assert builtin == []
