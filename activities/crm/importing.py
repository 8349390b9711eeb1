"""People from a CSV file: good rows are taken, each bad one is refused with its line and what to do about it.

    header = external_id, first_name, …, custom.shoe_size      any order, any of COLUMNS; `,` `;` or tab between them
    a row is about the person with its id, else its external_id, else its e-mail address and no other name
    where nobody is known, it makes a new person; but one with an id is refused, which is ours to give
    an empty cell says nothing: what was known stays
    the company is found by its name, or made

UTF-8, with or without a byte order mark. Blanks around a cell are dropped, several count as one; quoted cells may hold
line breaks, which count as blanks. A line number is that of the line on which the row begins, the header's being 1.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from activities.crm import companies, custom, people
from activities.crm.faults import Fault, Refused, faults
from activities.crm.models import CompanyIn, PersonIn
from activities.crm.values import name_key
from flows.fields import Field as CustomField

CHUNK = 500
"""Rows in a transaction: in between others get their turn."""

REFUSALS_SHOWN = 1_000

_PERSON = {
    name: name
    for name in (
        *("external_id", "first_name", "last_name", "email", "mobile"),
        *("country", "language", "time_zone", "category"),
    )
}
_CONSENT = {"consent_email": "email", "consent_sms": "sms"}
_COMPANY = {
    "company": "name",
    "company_category": "category",
    "company_country": "country",
    "company_employees": "employees",
}
_CUSTOM = "custom."
_DELIMITERS = ",;\t"
COLUMNS = ("id", *_PERSON, *_COMPANY, *_CONSENT)
"""What a header may name, besides `custom.…`."""


class Refusal(BaseModel):
    """Why a row was not taken; `line` is where it begins, `field` the column, if one is to blame."""

    line: int = Field(title="Line")
    field: str | None = Field(title="Field")
    what: str = Field(title="What is wrong")
    remedy: str = Field(title="What to do")


class ImportResult(BaseModel):
    """What has become of the rows; `refusals` are the first thousand reasons."""

    created: int = Field(default=0, title="Created")
    updated: int = Field(default=0, title="Updated")
    refused: int = Field(default=0, title="Rows refused")
    refusals: list[Refusal] = Field(default_factory=list, title="Refusals")


class Row(NamedTuple):
    """A good row: columns of the person, and of the company if one is named; only what the row says.

    `id` is the person's, if the row says it; `line` is where the row begins.
    """

    person: dict[str, Any]
    company: dict[str, Any]
    id: str = ""
    line: int = 0


class PeopleCsv:
    """Reads a file once: `chunks` gives the good rows, `result` counts and explains the others.

    `own` are the custom fields that people have, where some are declared.

    Raises Refused if the header is wrong: then no row is read.
    """

    def __init__(self, file: BinaryIO, own: Mapping[str, CustomField] | None = None) -> None:
        self._own = own or {}
        # Bytes that are no UTF-8 become half characters, which no field takes: the row is refused, not the file.
        self._text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        first = self._text.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        self._rows = csv.reader(self._lines(first), delimiter=delimiter, strict=True)
        self._header = self._read_header()
        self._lines_of_keys: dict[tuple[str, str], int] = {}
        self._lines_of_addresses: defaultdict[str, list[Row]] = defaultdict(list)
        self.result = ImportResult()

    def chunks(self) -> Iterator[list[Row]]:
        """Good rows, CHUNK at a time."""
        rows = self._good_rows()
        while chunk := list(islice(rows, CHUNK)):
            yield chunk
        self._text.detach()  # whoever gave the file closes it

    def saved(self, created: int, updated: int, unknown: Sequence[int]) -> None:
        """Count a chunk that was written; `unknown` are the lines whose id nobody has."""
        self.result.created += created
        self.result.updated += updated
        for line in unknown:
            remedy = "Check it, or leave it empty: then a new person is made, unless the row is about somebody known."
            self._refuse(line, [Fault("There is no person with this id.", remedy, ("id",))])

    def _lines(self, first: str) -> Iterator[str]:
        yield first
        yield from self._text

    def _read_header(self) -> list[str]:
        try:
            header = [cell.strip().lower() for cell in next(self._rows)]
        except (csv.Error, StopIteration):
            header = []
        if not any(header):
            raise Refused([Fault("The file has no header.", f"Name the columns on line 1: {', '.join(COLUMNS)}.")])
        wrong = []
        for index, name in enumerate(header):
            if name in header[:index]:
                wrong.append(Fault(f"Line 1: there are two columns “{name}”.", "Remove or rename one.", (name,)))
            elif name not in COLUMNS and not re.fullmatch(r"custom\.[\w-]{1,100}", name):
                near = get_close_matches(name, COLUMNS, 1)
                remedy = f"Did you mean “{near[0]}”?" if near else "Remove it, or name it custom.… to keep it."
                wrong.append(Fault(f"Line 1: there is no column “{_shown(name)}”.", remedy, (_shown(name),)))
        if wrong:
            raise Refused(wrong)
        return header

    def _good_rows(self) -> Iterator[Row]:
        while True:
            line = self._rows.line_num + 1
            try:
                cells = next(self._rows)
            except StopIteration:
                return
            except csv.Error:
                remedy = "Close the quotes; write one inside them twice. Rows up to the next quote are lost too."
                self._refuse(line, [Fault("The quotes of this row do not match.", remedy)])
                continue
            if not any(cell.strip() for cell in cells):
                continue
            try:
                yield self._row(line, cells)
            except Refused as error:
                self._refuse(line, error.faults)

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        if len(cells) != len(self._header):
            what = f"The row has {len(cells)} cells, the header {len(self._header)}."
            raise Refused([Fault(what, "Give every column a cell; quote cells that hold the separator.")])
        given = {name: " ".join(cell.split()) for name, cell in zip(self._header, cells, strict=True)}
        given = {name: cell for name, cell in given.items() if cell}
        found: list[Fault] = []
        person, company = _person(given, self._own, found), _company(given, found)
        row = Row(person, company, given.get("id", ""), line)
        if row.id:
            person.pop("external_id", None)  # the id alone says who it is
        if not found:
            found += self._twice(row)
        if found:
            raise Refused(found)
        return row

    def _twice(self, row: Row) -> Iterator[Fault]:
        """What is wrong with a row that is about the same person as one before."""
        remedy = "Keep one of the two rows."
        for column, name, key in (("id", "id", row.id), ("external_id", "external id", row.person.get("external_id"))):
            if key and (first := self._lines_of_keys.setdefault((column, key), row.line)) != row.line:
                yield Fault(f"The {name} is that of line {first} too.", remedy, (column,))
        if address := row.person.get("email_key"):
            before = self._lines_of_addresses[address]
            same = [each.line for each in before if not another_name(row.person, each.person)]
            if same and not is_keyed(row):
                yield Fault(f"The e-mail address is that of line {same[0]} too.", remedy, ("email",))
            else:
                before.append(row)

    def _refuse(self, line: int, found: Sequence[Fault]) -> None:
        self.result.refused += 1
        for fault in found[: REFUSALS_SHOWN - len(self.result.refusals)]:
            field = str(fault.where[0]) if fault.where else None
            self.result.refusals.append(Refusal(line=line, field=field, what=fault.what, remedy=fault.remedy))


def is_keyed(row: Row) -> bool:
    """Whether the row says by a key who it is about, and its e-mail address need not."""
    return bool(row.id or row.person.get("external_id"))


def another_name(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two with the same e-mail address are not the same person: both have a name, and not the same."""
    pairs = [(one.get(part), other.get(part)) for part in ("first_name", "last_name")]
    return any(left and right and name_key(left) != name_key(right) for left, right in pairs)


def _person(given: dict[str, str], known: Mapping[str, CustomField], found: list[Fault]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: given[name] for name in _PERSON if name in given}
    consent = {_CONSENT[name]: given[name].lower() for name in _CONSENT if name in given}
    cells = {name.removeprefix(_CUSTOM): cell for name, cell in given.items() if name.startswith(_CUSTOM)}
    own = {key: custom.read(known, key, cell) for key, cell in cells.items()}
    wrong = custom.checked("person", known, own)
    found += [Fault(each.what, each.remedy, (f"{_CUSTOM}{each.where[-1]}",)) for each in wrong]
    fields |= {name: value for name, value in (("consent", consent), ("custom", own)) if value}
    try:
        columns = people.columns(PersonIn.model_validate(fields))
    except ValidationError as error:
        found += [
            Fault(
                each.what, each.remedy, (f"consent_{each.where[1]}" if each.where[0] == "consent" else each.where[0],)
            )
            for each in faults(error)
        ]
        return {}
    names = {*fields, *(["email_key"] if "email" in fields else ())}
    return {name: value for name, value in columns.items() if name in names}


def _company(given: dict[str, str], found: list[Fault]) -> dict[str, Any]:
    fields: dict[str, Any] = {_COMPANY[name]: given[name] for name in _COMPANY if name in given}
    if not fields:
        return {}
    if re.fullmatch(r"\d{1,3}( \d{3})+", fields.get("employees", "")):
        fields["employees"] = fields["employees"].replace(" ", "")
    try:
        columns = companies.columns(CompanyIn.model_validate(fields))
    except ValidationError as error:
        column = {field: name for name, field in _COMPANY.items()}
        found += [Fault(each.what, each.remedy, (column[str(each.where[0])],)) for each in faults(error)]
        return {}
    return {name: value for name, value in columns.items() if name in {*fields, "name_key"}}


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode()[:100]
