"""Settings: defaults that work, keys made once, and refusals that say what to write instead (SAFE_5)."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from settings import Origin, Settings, SettingsError, load_settings

KEY = "0123456789abcdef"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"FERD_{field.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_bare_machine_gets_working_defaults(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.home == tmp_path / ".ferd"
    assert settings.database_url.get_secret_value() == f"sqlite:///{tmp_path}/.ferd/ferd.db"
    assert settings.smtp_url.get_secret_value() == "smtp://127.0.0.1:2525"
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.retention_full == timedelta(days=180)
    assert settings.retention_thin == timedelta(days=730)
    assert settings.cap_email is None


def test_links_lead_to_the_public_side_where_it_has_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERD_PUBLIC_PORT", "8090")
    assert load_settings().public_url == "http://127.0.0.1:8090"


def test_keys_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    first, second = load_settings(), load_settings()
    assert first.api_key == second.api_key
    assert first.secret_keys == second.secret_keys
    assert first.api_key != first.secret_keys[0]
    for name in ("api-key", "secret-key"):
        assert stat.S_IMODE((tmp_path / ".ferd" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / ".ferd").iterdir()) == ["api-key", "secret-key"]


def test_processes_that_start_together_agree_on_the_keys() -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: load_settings().api_key.get_secret_value(), range(16)))
    assert len(set(keys)) == 1


def test_keys_of_ones_own_touch_no_file(tmp_path: Path) -> None:
    Settings(api_key=KEY, secret_keys=KEY)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_environment_goes_before_the_file_and_each_origin_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FERD_PORT=81\nFERD_HOST=10.0.0.1\nFERD_CAP_EMAIL=\nPOSTGRES_PASSWORD=x\n")
    monkeypatch.setenv("FERD_PORT", "82")
    monkeypatch.setenv("FERD_SECRET_KEYS", f"{KEY}new, {KEY}old")
    settings = load_settings()
    assert settings.public_url == "http://10.0.0.1:82"
    assert [key.get_secret_value() for key in settings.secret_keys] == [f"{KEY}new", f"{KEY}old"]
    origins = {setting.name: setting.origin for setting in settings.shown()}
    assert origins["FERD_PORT"] is Origin.ENVIRONMENT
    assert origins["FERD_HOST"] is Origin.ENV_FILE
    assert origins["FERD_CAP_EMAIL"] is Origin.DEFAULT
    assert origins["FERD_API_KEY"] is Origin.MADE
    assert len(origins) == len(Settings.model_fields)


def test_what_is_shown_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERD_DATABASE_URL", "postgresql://ferd:hunter2@db:5432/ferd")
    monkeypatch.setenv("FERD_SMTP_URL", "smtp://me:hunter2@with:colons@relay:587")
    monkeypatch.setenv("FERD_SECRET_KEYS", f"{KEY}hunter2")
    settings = load_settings()
    values = {setting.name: setting.value for setting in settings.shown()}
    assert "hunter2" not in repr(settings) + repr(values)
    assert values["FERD_DATABASE_URL"] == "postgresql://ferd:…@db:5432/ferd"
    assert values["FERD_SMTP_URL"] == "smtp://me:…@relay:587"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("FERD_PORT", "99999", "65535"),
        ("FERD_PORT", "eighty", "write a whole number, as in '8080'"),
        ("FERD_PRIVATE_WEBHOOKS", "perhaps", "write true or false"),
        ("FERD_RETENTION_FULL", "soon", "180 days"),
        ("FERD_CAP_EMAIL", "ten", "3 per week"),
        ("FERD_DATABASE_URL", "mysql://x", "postgresql://"),
        ("FERD_SMTP_URL", "relay:25", "smtp://"),
        ("FERD_PUBLIC_URL", "ferd.example", "https://"),
        ("FERD_LOG_FORMAT", "xml", "console"),
        ("FERD_PROT", "81", "did you mean FERD_PORT"),
    ],
)
def test_SAFE_5_a_wrong_setting_names_itself_and_the_remedy(
    name: str, value: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name} \(from environment\).*{remedy}[^\n]*$"):
        load_settings()
    monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"{name}={value}\n")
    with pytest.raises(SettingsError, match=rf"^{name} \(from \.env\).*{remedy}[^\n]*$"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("FERD_HOST", "0.0.0.0"), ("FERD_PUBLIC_HOST", "10.0.0.1"), ("FERD_PUBLIC_URL", "https://a.example")],
)
def test_keys_that_others_may_try_are_long(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERD_API_KEY", KEY)
    monkeypatch.setenv("FERD_SECRET_KEYS", "new,old")
    assert load_settings().signing_keys == ["new", "old"]
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=r"^FERD_SECRET_KEYS \(from environment\).*16 characters"):
        load_settings()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FERD_HOME", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match=r"FERD_HOME: the data folder cannot be used: .*Name a folder"):
        load_settings()


def test_another_crm_needs_an_address_and_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERD_CRM", "webhook")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "FERD_CRM_URL" in str(refused.value)
    assert "FERD_CRM_SECRET" in str(refused.value)
    assert "FERD_CRM=webhook needs it" in str(refused.value)
