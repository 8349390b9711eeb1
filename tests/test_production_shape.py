"""docker-compose.yml and the Dockerfile say what exists: no service, command or file that is not there."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
from ruamel.yaml import YAML

from settings import Settings

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "tests/data/compose-spec.json").read_text())
ENV_EXAMPLE = (ROOT / ".env.example").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return loaded


@pytest.fixture(scope="module")
def own_services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: service for name, service in compose["services"].items() if "build" in service}


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def test_compose_file_is_valid(compose: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(compose)


def test_a_misspelled_compose_key_is_noticed(compose: dict[str, Any]) -> None:
    broken = compose | {"services": {"api": {"imagine": "ferd"}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(broken)


def test_services_wait_only_for_services_that_can_reach_that_state(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[needed]["restart"].startswith("on-failure")


def test_migrations_are_done_before_anything_of_ours_runs(own_services: dict[str, dict[str, Any]]) -> None:
    assert own_services.keys() == {"migrate", "api", "worker"}
    for name in ("api", "worker"):
        assert own_services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert own_services["worker"]["deploy"]["replicas"] == 2


def test_every_command_exists(own_services: dict[str, dict[str, Any]], dockerfile: str) -> None:
    import cli

    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    named = {service["command"][0] for service in own_services.values()}
    named.update(re.findall(r'^CMD \["([a-z]+)"', dockerfile, re.MULTILINE))
    assert named <= commands.keys()


def test_every_setting_exists(own_services: dict[str, dict[str, Any]]) -> None:
    known = {f"FERD_{field.upper()}" for field in Settings.model_fields}
    for service in own_services.values():
        assert {name for name in service["environment"] if name.startswith("FERD_")} <= known
    assert set(re.findall(r"^# (FERD_[A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE)) == known


def test_every_secret_is_asked_for_and_none_is_written_down(compose: dict[str, Any]) -> None:
    required = set(re.findall(r"\$\{([A-Z_]+):\?[^}]+\}", (ROOT / "docker-compose.yml").read_text()))
    assert {"FERD_API_KEY", "FERD_SECRET_KEYS", "POSTGRES_PASSWORD"} <= required
    assert required <= set(re.findall(r"^# ([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|PWD|KEY|DATABASE_URL", name):
                assert value is None or re.search(r"\$\{[A-Z_]+:\?", value), name


def test_images_are_pinned(compose: dict[str, Any], dockerfile: str) -> None:
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += [image for image in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) if ":" in image]
    assert len(images) == 6
    assert all(re.search(r":\d+\.\d+", image) for image in images)


def test_the_image_does_not_run_as_root(dockerfile: str) -> None:
    last_stage = dockerfile.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last_stage, re.MULTILINE)


def test_what_the_image_copies_exists_and_reaches_the_build(dockerfile: str) -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert source in let_in or "*" + Path(source).suffix in let_in, source


def test_the_installed_package_carries_every_file_of_its_rooms(dockerfile: str, tmp_path: Path) -> None:
    """Templates, pages and migrations too: what an editable install finds must not be missing from the image."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    copied = set(" ".join(re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)).split())
    carried = [name for name in tracked if name.partition("/")[0] in copied and (ROOT / name).exists()]
    for name in carried:
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=tmp_path / "source", check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    installed = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in carried if name not in ("pyproject.toml", "requirements.lock")} <= installed
