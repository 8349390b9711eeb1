import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.mail.links import Tracker, track_html, track_text, with_campaign
from activities.mail.tokens import Click, Tokens

tokens = Tokens(["key"])
tracker = Tracker("http://t.example", tokens, "m1", {"https://fjord.example/offer?a=1&b=2": "offer"}, {}, "p1", "f1")


def marked(url: str) -> str:
    return f"<{url}>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="https://a.example/x">x</a>', '<a href="&lt;https://a.example/x&gt;">x</a>'),
        ("<A class=b HREF='HTTP://a.example/x' id=c>", '<A class=b HREF="&lt;HTTP://a.example/x&gt;" id=c>'),
        ("<a href=https://a.example/x>x", '<a href="&lt;https://a.example/x&gt;">x'),
        (
            '<a\n title="a > b"\n href = "https://a.example">',
            '<a\n title="a > b"\n href = "&lt;https://a.example&gt;">',
        ),
        ('<a data-href="https://b.example" href="https://a.example">', None),
        ('<area shape=rect href="https://a.example"/>', '<area shape=rect href="&lt;https://a.example&gt;"/>'),
        (
            '<!--[if mso]>\n<v:roundrect href="https://a.example"><![endif]-->',
            '<!--[if mso]>\n<v:roundrect href="&lt;https://a.example&gt;"><![endif]-->',
        ),
        (
            '<![if !mso]><a href="https://a.example"><![endif]>',
            '<![if !mso]><a href="&lt;https://a.example&gt;"><![endif]>',
        ),
        ('<![weird[ ]]><a href="https://a.example">', '<![weird[ ]]><a href="&lt;https://a.example&gt;">'),
        ('1 &# 2 &# 3 <a href="https://a.example">', '1 &# 2 &# 3 <a href="&lt;https://a.example&gt;">'),
    ],
)
def test_links_are_tracked_wherever_they_stand(html: str, expected: str | None) -> None:
    expected = expected or '<a data-href="https://b.example" href="&lt;https://a.example&gt;">'
    assert track_html(html, marked) == expected


@pytest.mark.parametrize(
    "html",
    [
        '<a href="mailto:a@b.example">m</a><a href="tel:+4712345678">t</a><a href="#top">a</a>',
        '<a href="/rel">r</a><a href>e',
        '<a name="https://a.example" title=\'href="https://a.example"\'>',
        '<link rel="stylesheet" href="https://a.example/x.css"><base href="https://a.example">',
        '<!-- <a href="https://a.example"> --> <script>"<a href=\'https://a.example\'>"</script>',
        '<a href="ferd:unsubscribe">u</a> https://a.example &lt;a href="https://a.example"&gt;',
        "<p>&copy; &nbsp;\r\n<br/><td WIDTH=1 hidden>&#8217;&amp",
        "<a",
        "<!--[if mso]>",
    ],
)
def test_everything_else_stays_byte_for_byte(html: str) -> None:
    assert track_html(html, marked) == html


@given(st.text(st.sampled_from("<>!-/[]=\"'& \n#a;h:") | st.characters(), max_size=60))
def test_no_html_is_too_broken(html: str) -> None:
    assert track_html(html, marked) == html


def test_the_target_is_what_a_browser_would_open() -> None:
    html = '<a href=" https://a.example/?x=1&amp;copy=2&reg=3&#38;y=%C3%A5&lt=4&notit;5\n">'
    targets: list[str] = []

    def seen(url: str) -> str:
        targets.append(url)
        return url

    track_html(html, seen)
    assert targets == [" https://a.example/?x=1&copy=2&reg=3&y=%C3%A5&lt=4&notit;5\n"]
    token = tracker(targets[0]).removeprefix("http://t.example/t/")
    assert tokens.read_click(token).url == "https://a.example/?x=1&copy=2&reg=3&y=%C3%A5&lt=4&notit;5"


def test_a_registered_link_is_named_in_its_token() -> None:
    tagged = Tracker("http://t.example", tokens, "m1", tracker.links, {"utm_source": "ferd"}, "p1", "f1")
    token = tagged("https://fjord.example/offer?a=1&b=2").removeprefix("http://t.example/t/")
    url = "https://fjord.example/offer?a=1&b=2&utm_medium=email&utm_source=ferd"
    assert tokens.read_click(token) == Click("m1", "offer", url)
    assert tokens.read_click(tracker("https://fjord.example/").removeprefix("http://t.example/t/")).link == ""


def test_a_url_that_cannot_be_read_is_left_alone() -> None:
    assert tracker("https://[broken/") == "https://[broken/"
    assert track_html('<a href="http://">x</a>', tracker) == '<a href="http://">x</a>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://a.example/x.", "See <https://a.example/x>."),
        ("(https://a.example/x_(y)), or", "(<https://a.example/x_(y)>), or"),
        ("[offer](https://a.example/x?y=1&z=2) [u](ferd:unsubscribe)", None),
        ("<https://a.example/>\nhttp://b.example", "<<https://a.example/>>\n<http://b.example>"),
        ("mailto:a@b.example, a.example, https://", "mailto:a@b.example, a.example, https://"),
    ],
)
def test_urls_in_text(text: str, expected: str | None) -> None:
    expected = expected or "[offer](<https://a.example/x?y=1&z=2>) [u](ferd:unsubscribe)"
    assert track_text(text, marked) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "https://a.example?utm_campaign=spring+%26+co&utm_medium=email&utm_source=ferd"),
        (
            "https://a.example/?#top",
            "https://a.example/?utm_campaign=spring+%26+co&utm_medium=email&utm_source=ferd#top",
        ),
        ("https://a.example/?x=%2F&y", None),
        (
            "https://a.example/?utm_source=me&utm_medium=m&utm_campaign=",
            "https://a.example/?utm_source=me&utm_medium=m&utm_campaign=",
        ),
    ],
)
def test_STEP_1_campaign_tags_are_appended_and_the_authors_own_stay(url: str, expected: str | None) -> None:
    expected = expected or "https://a.example/?x=%2F&y&utm_campaign=spring+%26+co&utm_medium=email&utm_source=ferd"
    assert with_campaign(url, {"utm_source": "ferd", "utm_campaign": "spring & co"}) == expected
    assert with_campaign(url, {}) == url
