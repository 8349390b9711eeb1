"""Our pages in a real browser: what a customer and an operator click, and that nothing is asked of other machines."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.async_api import BrowserContext, Page, Route, async_playwright, expect
from temporalio.testing import WorkflowEnvironment

from postbox import pages
from postbox.store import Store
from tests.support.databases import SqliteDatabases
from tests.support.ports import free_port
from tests.support.running import serving
from tests.support.waiting import eventually
from tests.support.world import World, mail, world

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SHOP = "https://shop.example/offer"
PATIENCE = 60_000  # milliseconds; the page that shows every call is built by the browser itself
HOSTILE = "<script>document.title = 'ran'</script><img src=x onerror=\"top.document.title = 'ran'\">"
HTML = f'<p>Dear customer</p><a href="{SHOP}">The offer</a> <a href="ferd:unsubscribe">No more mails</a>{HOSTILE}'

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: make test installs it as root")


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    """A browser in which the shop answers; every other machine but this one is out of reach."""

    async def shop(route: Route) -> None:
        await route.fulfill(body="<h1>The shop</h1>", content_type="text/html")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context()
        await context.route(lambda url: not url.startswith("http://127.0.0.1:"), lambda route: route.abort())
        await context.route(f"{SHOP}*", shop)
        yield context
        await browser.close()


@pytest.fixture
async def port() -> int:
    """Where everything of a test answers."""
    return free_port()


@pytest.fixture
async def home(
    temporal_env: WorkflowEnvironment, sqlite_databases: SqliteDatabases, tmp_path: Path, port: int
) -> AsyncIterator[World]:
    """A world whose API, public side and mailbox answer on a port, as with `ferd up`."""
    url = sqlite_databases.create()
    async with world(temporal_env, url, tmp_path, public_url=f"http://127.0.0.1:{port}") as small:
        app = FastAPI(docs_url=None, openapi_url=None)
        app.include_router(pages.router(tmp_path / "mailbox"))
        app.mount("/", small.app)
        async with serving(app, port):
            yield small
    sqlite_databases.drop(url)


async def test_the_calls_of_the_api_are_shown_without_any_other_machine(
    home: World, context: BrowserContext, port: int
) -> None:
    page, elsewhere = await context.new_page(), list[str]()
    context.on("request", lambda request: elsewhere.append(request.url) if str(port) not in request.url else None)
    await page.goto(f"http://127.0.0.1:{port}/docs")
    await page.get_by_role("link", name="flows", exact=True).click(timeout=PATIENCE)
    await expect(page.get_by_text("Save a flow as draft")).to_be_visible()
    assert [url for url in elsewhere if not url.startswith("data:")] == []


async def test_a_customer_reads_a_mail_clicks_and_wants_no_more(
    home: World, context: BrowserContext, port: int, tmp_path: Path
) -> None:
    """STEP_1, PART_2: from the mail as it was sent to what the API then says of the person and the message."""
    await home.content("mail", html=HTML)
    person = await home.person(email="kari@kunde.example")
    flow = await home.flow("offer", mail("hello"))
    participant = await home.enrol(flow, person)
    await home.forward(flow, participant)
    [sent] = home.inbox.mails
    Store(tmp_path / "mailbox").add("hello@fjord.example", ["kari@kunde.example"], bytes(sent))

    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{port}/mailbox")
    await page.get_by_role("link", name="hello", exact=True).click()
    shown = page.frame_locator("iframe")
    await expect(shown.get_by_text("Dear customer")).to_be_visible()
    assert await page.title() != "ran"

    async with context.expect_page() as opened:
        await shown.get_by_role("link", name="The offer").click()
    shop = await opened.value
    await expect(shop.get_by_role("heading", name="The shop")).to_be_visible()

    async with context.expect_page() as opened:
        await shown.get_by_role("link", name="No more mails").click()
    await _confirm(await opened.value)

    assert (await home.api.get(f"/v1/people/{person}")).json()["consent"]["email"] == "withdrawn"
    [message] = (await home.api.get("/v1/messages", params={"flow": flow})).json()["items"]
    assert message["clicked"] == [SHOP]


async def _confirm(page: Page) -> None:
    """A person presses the button; whoever only follows links has unsubscribed from nothing."""
    await page.get_by_role("button").first.click()
    await expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()


async def test_a_form_on_any_page_is_taken_and_thanked_for(home: World, context: BrowserContext, port: int) -> None:
    """TRIG_1: the form's event lets the person in who is made from it."""
    form = {"name": "Contact", "fields": [{"name": "email", "type": "email"}], "thanks_text": "We will call you."}
    (await home.api.put("/v1/forms/contact-me", json=form)).raise_for_status()
    trigger = {"event": "form_submitted", "form": "contact-me"}
    flow = await home.flow("contacts", mail("hello"), enrolment={"triggers": [trigger]})

    page = await context.new_page()
    await page.set_content(
        f'<form method="post" action="http://127.0.0.1:{port}/f/contact-me">'
        '<input name="email"><button>Go</button></form>'
    )
    await page.get_by_role("textbox").fill("ny@kunde.example")
    await page.get_by_role("button").click()
    await expect(page.get_by_text("We will call you.")).to_be_visible()
    [someone] = await eventually(lambda: home.participants(flow))
    assert (await home.api.get(f"/v1/people/{someone.person}")).json()["email"] == "ny@kunde.example"
