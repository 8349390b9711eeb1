"""Merge tags: what they show, what they can never do, and where they are wrong."""

from contextlib import suppress
from datetime import UTC, datetime
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import templates
from flows.templates import TemplateError, render, render_line

EVIL = "<script>alert('x')</script>&\""
VALUES: dict[str, Any] = {
    "person": {"first_name": "Åse", "custom": {"evil": EVIL, "list": [EVIL, "b"], "score": 3}, "mobile": None},
    "participant": {"enrolled_at": datetime(2026, 6, 1, 22, 30, tzinfo=UTC)},
    "event": {"items": [{"name": EVIL, "price": 12.5}], "no": False},
    "links": {"offer": "https://fjord.example/?a=1&b=2", "contact-me": "https://fjord.example/c"},
    "flow": {"id": "welcome", "name": "Welcome"},
    "unsubscribe_url": "ferd:unsubscribe",
}


def text(source: str) -> str:
    return render(source, VALUES, html=False)


def html(source: str) -> str:
    return render(source, VALUES, html=True)


def wrong(source: str) -> list[tuple[str, int, int]]:
    return [(each.what, each.line, each.column) for each in templates.problems(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Welcome, {{ person.first_name }}!", "Welcome, Åse!"),
        ("{{ person.first_name | upcase }}", "ÅSE"),
        ("{{ links.offer }} {{ links.contact-me }}", "https://fjord.example/?a=1&b=2 https://fjord.example/c"),
        ("{{ unsubscribe_url }} {{ flow.name }}", "ferd:unsubscribe Welcome"),
        ("{% for item in event.items %}{{ item.price | times: 2 }}{% endfor %}", "25.0"),
        ("{% if person.custom.score > 2 %}high{% else %}low{% endif %}", "high"),
        ("{% for star in (1..3) %}*{% endfor %}", "***"),
        ("{% assign first = person.first_name %}{{ first }}", "Åse"),
        ("{% raw %}{{ person.nope }}{% endraw %}", "{{ person.nope }}"),
        ("{{ event.items.size }}", "1"),
        ("{{ event.no | default: 'x', allow_false: true }}", "false"),
    ],
)
def test_merge_tags(source: str, expected: str) -> None:
    assert text(source) == expected


@pytest.mark.parametrize("source", ["{{ person.mobile }}", "{{ person.last_name }}", "{{ company.name }}"])
def test_a_missing_value_is_empty_unless_there_is_a_default(source: str) -> None:
    assert text(f"[{source}]") == "[]"
    assert text(source.replace(" }}", " | default: 'you' }}")) == "you"


@pytest.mark.parametrize("source", ["{{ persn.first_name }}", "{{ nope | default: 'x' }}", "{{ now }}", "{{ today }}"])
def test_a_name_that_does_not_exist_is_an_error_never_a_blank(source: str) -> None:
    with pytest.raises(TemplateError, match="there is no"):
        text(source)
    assert len(wrong(source)) == 1


ROUTES = [
    "{{ person.custom.evil }}",
    "{{ person.custom.list }}",
    "{{ event.items }}",
    "{{ person.custom.list | join: '<br>' }}",
    "{{ person.custom.list | first }}",
    "{{ event.items | map: 'name' }}",
    "{{ 'x' | append: person.custom.evil }}",
    "{{ 'x' | prepend: person.custom.evil }}",
    "{{ 'axa' | replace: 'x', person.custom.evil }}",
    "{{ 'abcdef' | truncate: 3, person.custom.evil }}",
    "{{ 'a b c' | truncatewords: 1, person.custom.evil }}",
    "{{ nothing | default: person.custom.evil }}".replace("nothing", "person.mobile"),
    "{{ person.custom.evil | url_encode | url_decode }}",
    "{{ person.custom.evil | base64_encode | base64_decode }}",
    "{{ person.custom.evil | escape_once }}",
    "{{ person.custom.evil | newline_to_br }}",
    "{{ person.custom.evil | strip_newlines }}",
    "{{ person.custom.evil | date: '%Y' }}",
    "{{ participant.enrolled_at | date: person.custom.evil }}",
    "{{ person.custom.evil | split: '' | join: '' }}",
    "{% echo person.custom.evil %}",
    "{% liquid echo person.custom.evil %}",
    "{% cycle person.custom.evil, 'b' %}",
    "{% assign x = person.custom.evil %}{{ x }}",
    "{% capture x %}{{ person.custom.evil }}{% endcapture %}{{ x }}{{ x | url_decode }}{{ x | strip_html }}",
    "{% capture x %}{{ person.custom.evil }}{% endcapture %}{{ x | escape_once }}{{ x | slice: 0, 99 }}",
    "{% for x in person.custom.list %}{{ x }}{% endfor %}",
    "{% tablerow x in person.custom.list %}{{ x }}{% endtablerow %}",
    "{% ifchanged %}{{ person.custom.evil }}{% endifchanged %}",
]


@pytest.mark.parametrize("source", ROUTES)
def test_no_merge_value_becomes_markup_in_html(source: str) -> None:
    shown = html(source)
    assert "<script" not in shown
    assert "</script" not in shown


@given(st.text(alphabet="<>&'\"ab;#=/ \n"), st.sampled_from(ROUTES))
def test_no_merge_value_ever_adds_an_angle_bracket_to_html(value: str, source: str) -> None:
    filled = {**VALUES, "person": {"custom": {"evil": value, "list": [value]}}, "event": {"items": [{"name": value}]}}
    harmless = {**VALUES, "person": {"custom": {"evil": "a", "list": ["a"]}}, "event": {"items": [{"name": "a"}]}}
    try:
        shown, plain = render(source, filled, html=True), render(source, harmless, html=True)
    except TemplateError:
        return
    assert shown.replace("<br />", "").count("<") <= plain.count("<")


def test_text_and_subjects_show_a_value_as_it_is() -> None:
    assert text("{{ person.custom.evil }}") == EVIL
    assert render_line("{{ person.custom.evil }}", VALUES) == EVIL


def test_links_are_escaped_for_html_and_only_there() -> None:
    assert html('<a href="{{ links.offer }}">') == '<a href="https://fjord.example/?a=1&amp;b=2">'


@given(st.text())
def test_a_subject_is_one_line_whatever_is_merged_into_it(value: str) -> None:
    """No header can be injected through a merge tag."""
    line = render_line("Hello {{ person.first_name }}\r\nBcc: x", {"person": {"first_name": value}})
    assert line.startswith("Hello")
    assert len(line.splitlines()) == 1
    assert all(ord(sign) >= 32 for sign in line)


def test_control_characters_of_a_subject_become_one_blank() -> None:
    assert render_line("a\r\n\t{{ person.first_name }}", {"person": {"first_name": "b\x00\x85c\u2028"}}) == "a b c"


def test_half_characters_cannot_break_a_mail() -> None:
    render("{{ person.first_name }}", {"person": {"first_name": "\ud83d"}}, html=True).encode()


def test_dates_are_shown_in_the_zone() -> None:
    source = "{{ participant.enrolled_at | date: '%d.%m.%Y %H:%M' }}"
    assert text(source) == "01.06.2026 22:30"
    assert render(source, VALUES, html=False, zone=ZoneInfo("Europe/Oslo")) == "02.06.2026 00:30"
    assert render("{{ event.on | date: '%-d %B' }}", {"event": {"on": "2026-12-03"}}, html=False) == "3 December"


@pytest.mark.parametrize("source", ["{{ 'now' | date: '%Y' }}", "{{ 'today' | date: '%Y' }}"])
def test_no_template_looks_at_a_clock(source: str) -> None:
    assert text(source) in ("now", "today")


BOMBS = {
    "nested loops": "{% for a in (1..999) %}{% for b in (1..999) %}{% for c in (1..999) %}x"
    "{% endfor %}{% endfor %}{% endfor %}",
    "empty nested loops": "{% for a in (1..999) %}{% for b in (1..999) %}{% endfor %}{% endfor %}",
    "many loops": "{% for a in (1..999) %}{% endfor %}" * 1_400,
    "a loop over much": "{% for a in (1..999) %}" + "{% if 1 %}{% endif %}" * 2_300 + "{% endfor %}",
    "a table": "{% tablerow a in (1..999) %}{% for b in (1..999) %}x{% endfor %}{% endtablerow %}",
    "a huge range": "{% for a in (1..1000000000) reversed %}x{% endfor %}",
    "a range by value": "{% for a in (1..person.custom.huge) reversed %}x{% endfor %}",
    "a huge assigned range": "{% assign r = (1..1000000000) %}{{ r | join: 'x' }}",
    "doubled text": "{% assign s = 'aaaaaaaa' %}{% for i in (1..99) %}{% assign s = s | append: s %}{% endfor %}",
    "doubled capture": "{% assign s = 'aaaaaaaa' %}{% for i in (1..99) %}{% capture s %}{{ s }}{{ s }}{% endcapture %}"
    "{% endfor %}",
    "multiplied text": "{{ '" + "a" * 900 + "'" + (" | replace: 'a', '" + "a" * 99 + "'") * 6 + " }}",
    "doubled list": "{% assign a = 'xy' | split: '' %}{% for i in (1..99) %}{% assign a = a | concat: a %}{% endfor %}",
    "joined list": "{% assign a = 'x' | split: '' %}{% for i in (1..14) %}{% assign a = a | concat: a %}{% endfor %}"
    "{{ a | join: '" + "a" * 900 + "' }}",
    "unique entries": "{% assign a = 'x' | split: '' %}{% for i in (1..14) %}{% assign a = a | concat: a %}{% endfor %}"
    "{{ a | uniq }}",
    "named arguments": "{% capture s %}{% for i in (1..300) %}" + "a" * 1_000 + "{% endfor %}{% endcapture %}"
    "{{ s | replace: seq: 'a', sub: s }}",
    "huge number": "{% assign n = 99999999 %}{% for i in (1..99) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
    "wide date": "{{ participant.enrolled_at | date: '%999999999d' }}",
    "unclosed outputs": "{{" * 400_000,
    "unclosed tags": "{%" * 400_000,
    "unclosed raw": "{% raw %}" * 100_000,
    "blank tags": ("{{" + " " * 1_900 + "}}") * 50,
    "brackets": ("{{ " + "(" * 1_900 + " }}") * 50,
    "deep paths": "{{ person" + "[person" * 250 + "]" * 250 + " }}",
    "deep blocks": "{% if 1 %}" * 500 + "{% endif %}" * 500,
    "long source": "x" * 1_000_001,
}


@pytest.mark.parametrize("bomb", list(BOMBS))
def test_SAFE_5_a_template_bomb_is_stopped_within_a_second(bomb: str) -> None:
    values = {**VALUES, "person": {"custom": {"huge": 1_000_000_000}}}
    before = process_time()
    with pytest.raises(TemplateError):
        render(BOMBS[bomb], values, html=True)
    assert process_time() - before < 1


@pytest.mark.parametrize("grown", ["{{ s | replace: 'a', s }}", "{{ s | split: 'a' | join: s }}"])
def test_SAFE_5_a_filter_that_would_make_too_much_is_not_even_begun(grown: str) -> None:
    source = "{% capture s %}{% for i in (1..300) %}" + "a" * 1_000 + "{% endfor %}{% endcapture %}" + grown
    with pytest.raises(TemplateError, match="does too much"):
        render(source, VALUES, html=False)


def test_an_ordinary_long_mail_is_no_bomb() -> None:
    row = "<tr><td>{{ item.name | escape }}</td><td>{{ item.price | times: 1.25 | round: 2 }}</td></tr>"
    source = "<p>" * 30_000 + "{% for item in event.items %}" + row + "{% endfor %}"
    shown = render(source, {"event": {"items": [{"name": "Coffee", "price": 99.5}] * 500}}, html=True)
    assert shown.count("Coffee") == 500


@pytest.mark.parametrize(
    ("source", "what", "line", "column"),
    [
        ("Hello\n {{ person.first_nme }}", "The merge tag “person.first_nme” is unknown.", 2, 5),
        ("{{ first_name }}", "The merge tag “first_name” is unknown.", 1, 4),
        ("{{ person }}", "The merge tag “person” is unknown.", 1, 4),
        ("{{ links }}", "The merge tag “links” is unknown.", 1, 4),
        ("{% if x %}a{% endif %}", "The merge tag “x” is unknown.", 1, 7),
        ("a\nb {{ person.email | upcsae }}", "There is no filter “upcsae”.", 2, 21),
        ("{{ person.email | safe }}", "There is no filter “safe”.", 1, 19),
        ("a\n{{ person.email", "The template cannot be read: this tag is not closed.", 2, 1),
        ("{{ }}", "The template cannot be read: this tag is empty.", 1, 1),
        ("{% include 'x' %}", "The template cannot be read: unexpected tag 'include'.", 1, 4),
        ("{% render 'x' %}", "The template cannot be read: unexpected tag 'render'.", 1, 4),
        (
            "{% for i in (1..9999) %}{% endfor %}",
            "The template cannot be read: a range has at most 1,000 numbers.",
            1,
            13,
        ),
    ],
)
def test_SAFE_5_problems_have_line_and_column(source: str, what: str, line: int, column: int) -> None:
    assert wrong(source) == [(what, line, column)]


@pytest.mark.parametrize(
    ("source", "near"),
    [
        ("{{ person.first_nme }}", "person.first_name"),
        ("{{ first_name }}", "person.first_name"),
        ("{{ unsubscribe }}", "unsubscribe_url"),
        ("{{ flow.nme }}", "flow.name"),
        ("{{ person.email | upcsae }}", "upcase"),
    ],
)
def test_SAFE_5_problems_name_the_nearest(source: str, near: str) -> None:
    (problem,) = templates.problems(source)
    assert f"“{near}”" in problem.remedy


def test_what_is_known_is_no_problem() -> None:
    source = """{{ person.custom.anything }} {{ event.items[0].name }} {{ person.subscriptions.size }} {{ flow.id }}
    {% for item in event.items %}{{ item.name }}{{ forloop.index }}{% endfor %} {% assign x = 1 %}{{ x }}
    {{ form["first name"] }} {{ links["a.b"] }} {{ unsubscribe_url }} {{ participant.score }} {{ owner.name }}"""
    assert wrong(source) == []


def test_the_paths_that_a_template_uses() -> None:
    source = (
        "{{ person.name }}{% if event.items[0].x %}{{ links.contact-me }}{{ links['a.b'] }}{% endif %}{{ person.name }}"
    )
    assert templates.variables(source) == ["person.name", "event.items", "links.contact-me", "links.a.b"]
    assert templates.variables("{% for i in event.items %}{{ i.name }}{% endfor %}") == ["event.items"]
    with pytest.raises(TemplateError):
        templates.variables("{{ person.name")


@pytest.mark.parametrize(
    "source",
    [
        "{{ person.custom.evil | divided_by: 0 }}",
        "{{ 5 | divided_by: person.custom.evil }}",
        "{{ 'a' | slice: person.custom.evil }}",
        "{{ person.custom.list | sum: person.custom.evil }}",
        "{{ person.custom.list | uniq: 'name' }}",
        "{{ person.custom.list | compact: person.custom.evil }}",
        "{{ [person.custom.evil] }}",
        "{{ person.custom.evil | base64_decode }}",
        "{{ 5 | date: person.custom.evil, 5 }}",
    ],
)
def test_SAFE_4_an_error_never_shows_a_value(source: str) -> None:
    with pytest.raises(TemplateError) as refused:
        text(source)
    assert "script" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON, JSON, st.sampled_from(sorted(templates._ENVIRONMENTS[True].filters)), st.booleans())
def test_any_filter_on_any_value_gives_text_or_a_template_error(
    value: object, arg: object, name: str, html: bool
) -> None:
    for source in (f"{{{{ event.a | {name} }}}}", f"{{{{ event.a | {name}: event.b }}}}"):
        with suppress(TemplateError):
            assert isinstance(render(source, {"event": {"a": value, "b": arg}}, html=html), str)
