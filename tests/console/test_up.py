"""`ferd up` with everything real, on ports of its own: it starts, mends itself, ends cleanly, and goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.shell import Failure
from console.up import only_one
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
FERD = (sys.executable, "-P", "-m", "cli")
PATIENCE = 240.0
"""Seconds: far more than it takes on an idle machine."""

pytestmark = pytest.mark.crash


class Scratch:
    """A data folder and ports of its own, and what runs there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = {f"FERD_{name}PORT": str(free_port()) for name in ("", "TEMPORAL_", "TEMPORAL_UI_", "MAILBOX_")}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("FERD_", "TEMPORAL_"))},
            **self.ports,
            "FERD_HOME": str(home),
            "PYTHONPATH": str(ROOT),
        }
        self.printed = home.with_suffix(".out")
        self.up: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """`ferd up`, until it says that it runs."""
        with self.printed.open("wb") as printed:
            command = (*FERD, "up")
            self.up = subprocess.Popen(
                command, env=self.environment, stdout=printed, stderr=subprocess.STDOUT, cwd=self.home.parent
            )
        self.wait_for("Ctrl-C ends it")

    def wait_for(self, words: str) -> None:
        def said() -> bool:
            assert self.up is not None
            assert self.up.poll() is None, self.said()
            return words in self.said()

        wait(said)

    def said(self) -> str:
        return self.printed.read_text()

    def ferd(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command of the same settings."""
        return subprocess.run(
            (*FERD, *words),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.home.parent,
        )

    def processes(self) -> dict[int, str]:
        """The processes of this data folder, by id, whoever started them."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                own = f"FERD_HOME={self.home}\0".encode() in (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
            if own and command:
                found[int(folder.name)] = command
        return found


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    if not Path("/proc/self/environ").exists():
        pytest.skip("the processes of a folder are found in /proc")
    scratch = Scratch(tmp_path_factory.mktemp("up") / "home")
    scratch.start()
    yield scratch
    for pid in scratch.processes():
        os.kill(pid, signal.SIGKILL)


def test_it_prints_where_everything_is_and_the_curl_line_works(scratch: Scratch) -> None:
    said = scratch.said()
    url = f"http://127.0.0.1:{scratch.ports['FERD_PORT']}"
    for address in (f"{url}/docs", f"{url}/mailbox", f"http://127.0.0.1:{scratch.ports['FERD_TEMPORAL_UI_PORT']}"):
        assert re.search(rf" {re.escape(address)}\s", said), address
    curl = next(line.strip() for line in said.splitlines() if line.strip().startswith("curl "))
    answer = subprocess.run(["/bin/sh", "-c", curl], capture_output=True, text=True, timeout=PATIENCE)
    assert json.loads(answer.stdout) == {"items": [], "next_cursor": None}


def test_a_second_one_in_the_same_folder_is_refused_with_a_sentence(scratch: Scratch) -> None:
    assert scratch.up is not None
    with (
        pytest.raises(Failure, match=rf"`ferd up` runs already in .* \(process {scratch.up.pid}\)"),
        only_one(scratch.home),
    ):
        raise AssertionError("two at once")


def test_a_taken_port_is_one_sentence_and_nothing_is_left_running(scratch: Scratch, tmp_path: Path) -> None:
    other = Scratch(tmp_path / "other")
    other.environment["FERD_PORT"] = scratch.ports["FERD_PORT"]
    refused = other.ferd("up")
    assert refused.returncode == 1
    first, second = refused.stderr.splitlines()
    port = scratch.ports["FERD_PORT"]
    assert first == f"error: Port {port} is taken: another program listens on 127.0.0.1:{port}."
    assert re.search(r"FERD_PORT=\d+ ferd up", second)
    assert other.processes() == {}


def test_files_people_and_flows_by_the_command_line(scratch: Scratch, tmp_path: Path) -> None:
    assert scratch.ferd("apply", str(EXAMPLES)).returncode == 0
    again = scratch.ferd("apply", "--json", str(EXAMPLES))
    assert {each["outcome"] for each in json.loads(again.stdout)} == {"unchanged"}
    csv = tmp_path / "people.csv"
    csv.write_text(
        "external_id,first_name,email,category\n"
        "1,Ada,ada@post.example,customer\n,Bo,bo@post.example,customer\n3,Cy,cy@post,customer\n4,Di,di@post.example,\n"
    )
    assert "people would be enrolled" in scratch.ferd("run", "welcome", "--dry-run").stdout
    assert scratch.ferd("run", "welcome").stdout.startswith("welcome is running.")
    enrolled = json.loads(scratch.ferd("enrol", "welcome", "--csv", str(csv), "--json").stdout)
    assert enrolled["import"]["refused"] == 1
    assert (enrolled["job"]["enrolled"], enrolled["job"]["refusals"]) == (2, {"filter": 1})
    assert [refusal["reason"] for refusal in enrolled["refusals"]] == ["filter"]
    [participant, _] = [row["id"] for row in json.loads(scratch.ferd("participants", "welcome", "--json").stdout)]
    wait(lambda: "Sent e-mail welcome-hello" in scratch.ferd("why", participant).stdout)
    assert participant in scratch.ferd("participants", "welcome").stdout
    [welcome] = [flow for flow in json.loads(scratch.ferd("flows", "--json").stdout) if flow["id"] == "welcome"]
    assert welcome["statistics"]["enrolled"] == 2


def test_a_command_that_is_not_allowed_says_what_is(scratch: Scratch) -> None:
    refused = scratch.ferd("pause", "webinar")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == ("error: The flow webinar is draft: pause is not allowed.\n  Commands allowed now: run.\n")


def test_the_demo_ends_by_itself_and_says_what_to_look_at(scratch: Scratch) -> None:
    demo = scratch.ferd("demo", "--people", "6", "--day", "0.2")
    assert demo.returncode == 0, demo.stderr
    assert "50 rows are refused" in demo.stdout
    assert "All is quiet." in demo.stdout
    assert "/namespaces/default/workflows/journey%2Fdemo-" in demo.stdout
    flows = {flow["id"]: flow for flow in json.loads(scratch.ferd("flows", "--json").stdout)}
    assert flows["demo-welcome"]["statistics"]["enrolled"] >= 1
    assert flows["webinar"]["status"] == "draft"


def test_a_killed_worker_comes_back_and_a_killed_supervisor_leaves_nothing(scratch: Scratch) -> None:
    [worker] = [pid for pid, command in scratch.processes().items() if command.endswith("cli worker")]
    os.kill(worker, signal.SIGKILL)
    scratch.wait_for("Worker was ended by SIGKILL; it is started again in 1 s.")
    scratch.wait_for("Worker is back.")
    assert scratch.up is not None
    scratch.up.kill()
    scratch.up.wait()
    wait(lambda: scratch.processes() == {})


def test_started_again_it_goes_on_and_sigterm_ends_it_cleanly(scratch: Scratch) -> None:
    scratch.start()
    flows = {flow["id"]: flow for flow in json.loads(scratch.ferd("flows", "--json").stdout)}
    assert (flows["welcome"]["status"], flows["welcome"]["statistics"]["active"]) == ("running", 2)
    assert scratch.up is not None
    scratch.up.send_signal(signal.SIGTERM)
    assert scratch.up.wait(timeout=60) == 0
    assert "Traceback" not in scratch.said()
    assert scratch.said().splitlines()[-1] == "Ended. `ferd up` goes on where it stopped."
    assert scratch.processes() == {}


def test_without_a_server_the_remedy_names_ferd_up(scratch: Scratch) -> None:
    failed = scratch.ferd("flows")
    assert failed.returncode == 1
    assert "Is `ferd up` running?" in failed.stderr
