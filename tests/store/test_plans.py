"""Questions that are asked over all flows or for each mail: how the database answers them, and what it reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert, text
from sqlmodel import Session

from activities.crm.embedded import EmbeddedCrm
from activities.desk.attention import entries
from activities.life.progress import inside_in_words
from activities.records import PageRecords
from flows.outcome import Status
from store.database import Database
from store.flows import FlowRow, FlowStatus
from store.journeys import ParticipantRow
from store.library import LinkRow
from tests.support.world import now

Asked = list[tuple[str, Any]]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A store with two flows of many participants, of whom three are held, and with many links."""
    db = Database(database_url)
    db.transact(fill)
    yield db
    db.close()


def fill(session: Session) -> None:
    flows = [
        FlowRow(id=id, name=id, status=FlowStatus.RUNNING, created_at=now(), changed_at=now()) for id in ("a", "b")
    ]
    session.add_all(flows)
    session.flush()
    row = ParticipantRow(
        id="",
        flow="",
        person="",
        generation=1,
        version=1,
        status=Status.ACTIVE,
        since=now(),
        plan={},
        enrolled_at=now(),
    ).model_dump(exclude={"number"})
    rows = []
    for number in range(4_000):
        holding = number % 1_500 == 0
        held = {"holding": holding, "held": ["failing"] if holding else []}
        rows.append({**row, "id": f"p{number}", "person": f"p{number}", "flow": "ab"[number % 2], **held})
    session.execute(insert(ParticipantRow), rows)
    times = {"created_at": now(), "updated_at": now()}
    links = [
        {"id": f"l{at}", "name": "l", "url": f"https://x.example/{at}", "actions": [], **times} for at in range(2_000)
    ]
    session.execute(insert(LinkRow), links)
    session.connection().execute(text("ANALYZE"))


@contextmanager
def listening(session: Session) -> Iterator[Asked]:
    """What the session asks the database meanwhile."""
    asked: Asked = []
    connection = session.connection()

    def heard(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", heard)
    yield asked
    event.remove(connection, "before_cursor_execute", heard)


def plans(db: Database, work: Callable[[Session], Any]) -> tuple[list[str], Any]:
    """How each statement of this work is carried out, and what it answers."""

    def look(session: Session) -> tuple[list[str], Any]:
        with listening(session) as asked:
            answer = work(session)
        explain = "EXPLAIN QUERY PLAN " if db.sqlite else "EXPLAIN "
        found = []
        for statement, parameters in asked:
            lines = session.connection().exec_driver_sql(explain + statement, parameters)
            found.append("\n".join(str(line[-1]) for line in lines))
        return found, answer

    return db.look(look)


def test_the_attention_list_of_all_flows_reads_only_who_is_held(db: Database) -> None:
    """SAFE_3."""
    found, held = plans(db, lambda session: entries(session, "", 10))
    assert [entry.participant for entry in held] == ["p0", "p1500", "p3000"]
    [plan] = [plan for plan in found if "participant_held" in plan]
    assert "PRIMARY KEY (rowid" not in plan.split("flow")[0]


def test_the_attention_list_of_one_flow_reads_only_who_is_held_in_it(db: Database) -> None:
    found, held = plans(db, lambda session: entries(session, "", 10, "a"))
    assert len(held) == 3
    assert any("participant_held" in plan or "participant_holding" in plan for plan in found)


def test_a_mail_reads_only_the_links_in_it(db: Database) -> None:
    """STEP_1: by its id where a merge tag names it, by its address where it is written out."""

    def merge(session: Session) -> Any:
        records = PageRecords(session, "p1", EmbeddedCrm(lambda *_, **__: None))
        html = '<a href="https://x.example/7">x</a> <a href="https://x.example/7/more">y</a>'
        return records.links()["l1500"], records.registered(html, "or https://x.example/9.")

    found, answer = plans(db, merge)
    assert answer == ("https://x.example/1500", {"https://x.example/7": "l7", "https://x.example/9": "l9"})
    assert len(found) == 2
    assert not any("SCAN link" in plan or "Seq Scan on link" in plan for plan in found)


def test_how_many_are_inside_is_counted_up_to_a_limit(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIFE_10."""
    monkeypatch.setattr("activities.life.progress.MOST", 100)
    assert db.look(lambda session: inside_in_words(session, session.get_one(FlowRow, "a"))) == "100+ active"
