"""What `ferd up` prints once everything runs: the addresses, the key, and what to do next."""

from rich.table import Table
from rich.text import Text

from api import mailbox, phone
from console.client import base_url
from console.shell import out, program, say
from console.temporal import given_server
from settings import Origin, Settings

_KEY = "FERD_API_KEY"
_NEXT = (
    ("make demo", "see the examples run, with short waits"),
    ("{ferd} check examples", "what is wrong with flows and mails, line by line"),
    ("{ferd} apply examples", "put flows, mails, links and forms in"),
    ("{ferd} --help", "everything else"),
)


def welcome(settings: Settings) -> None:
    """The one table of addresses."""
    url = base_url(settings)
    key = settings.api_key.get_secret_value()
    made = origin_of_key(settings) is Origin.MADE
    rows = [("API: every call, to try out", f"{url}/docs")]
    if mailbox.is_local(settings):
        rows.append(("Mailbox: every mail sent", f"{url}/mailbox"))
    if phone.is_local(settings):
        rows.append(("Phone: every SMS sent", f"{url}/phone"))
    server = given_server()
    if server is None:
        rows.append(("Temporal UI: every journey", temporal_ui(settings)))
    else:
        rows.append(("Temporal, your own server", server))
    rows.append(("API key", key if made else f"as set in {_KEY}"))
    table = Table.grid(padding=(0, 2), pad_edge=True)
    for title, value in rows:
        table.add_row(Text(title, "bold", no_wrap=True), Text(value, "cyan", no_wrap=True))
    say("")
    say("ferd is running.", "bold green")
    out.print(table)
    say("")
    say("Try the API:" + (f" (the key is kept in {settings.home / 'api-key'})" if made else ""), "bold")
    say(f'  curl -H "Authorization: Bearer {_shell_key(settings)}" {url}/v1/flows')
    say("Next:", "bold")
    for command, what in _NEXT:
        say(f"  {command.format(ferd=program()):<32} {what}")
    say("")
    say("Ctrl-C ends it; started again, every journey goes on.", "dim")


def temporal_ui(settings: Settings) -> str:
    """The address of the pages of the development server."""
    return f"http://{mailbox.HOST}:{settings.temporal_ui_port}"


def origin_of_key(settings: Settings) -> Origin:
    """Where the API key came from."""
    return next(setting.origin for setting in settings.shown() if setting.name == _KEY)


def _shell_key(settings: Settings) -> str:
    """What stands for the key in a command that is to work when pasted: a key that somebody chose is not shown."""
    match origin_of_key(settings):
        case Origin.MADE:
            return settings.api_key.get_secret_value()
        case Origin.ENV_FILE:
            return f"$(sed -n 's/^{_KEY}=//p' .env)"
        case _:
            return f"${_KEY}"
