"""How ferd is set up on this machine: FERD_… variables of the environment, then of the file `.env`, then defaults.

`load_settings` reads them. Whoever makes `Settings` with an API key and signing keys of their own touches no file.
"""

import difflib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "FERD_"
ENV_FILE = Path(".env")
DEFAULT_HOME = Path(".ferd")
SHORTEST_SECRET = 16
WANTED = {"int_parsing": "write a whole number, as in '8080'", "bool_parsing": "write true or false"}
DAYS = {"day": 1, "week": 7, "year": 365}


class SettingsError(Exception):
    """A setting is wrong; the message names the variable, where it was read, why, and what to write instead."""


class Origin(StrEnum):
    """Where a setting's value came from."""

    DEFAULT = "default"
    ENV_FILE = ".env"
    ENVIRONMENT = "environment"
    MADE = "made at first start"


class Setting(NamedTuple):
    """One setting as a person reads it; passwords and keys are masked."""

    name: str
    value: str
    origin: Origin
    description: str


Text = TypeVar("Text", str, SecretStr)


def _period(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,4}) (day|week|year)s?", value.strip())
    if match is None:
        raise ValueError("write a number and a unit, as in '180 days', '26 weeks' or '2 years'")
    return timedelta(days=int(match[1]) * DAYS[match[2]])


def _split(value: Any) -> Any:
    return [key.strip() for key in value.split(",") if key.strip()] if isinstance(value, str) else value


def _long_enough(key: SecretStr, info: ValidationInfo) -> SecretStr:
    if len(key.get_secret_value()) < (SHORTEST_SECRET if _is_reachable(info.data) else 1):
        raise ValueError(f"a key needs at least {SHORTEST_SECRET} characters: make one with `openssl rand -hex 32`")
    return key


def _is_reachable(known: Mapping[str, Any]) -> bool:
    """Whether others than this machine may come and try keys: as far as the settings are known yet."""
    hosts = [known.get("host"), known.get("public_host"), urlsplit(known.get("public_url", "")).hostname]
    return not all(_is_loopback(host) for host in hosts if host)


def _matching(pattern: str, remedy: str) -> AfterValidator:
    """A check of text, secret or not, whose refusal says what to write instead."""

    def check(value: Text) -> Text:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.match(pattern, text):
            raise ValueError(remedy)
        return value

    return AfterValidator(check)


Port = Annotated[int, Field(ge=1, le=65535)]
Period = Annotated[timedelta, BeforeValidator(_period)]
Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
Keys = Annotated[list[Secret], NoDecode, BeforeValidator(_split)]
Cap = Annotated[str, _matching(r"[1-9]\d{0,5} per (day|week)$", "write a number and a unit, as in '3 per week'")]
Speed = Annotated[
    str, _matching(r"[1-9]\d{0,8} per (minute|hour|day)$", "write a number and a unit, as in '300 per minute'")
]
DatabaseUrl = Annotated[
    SecretStr, _matching(r"sqlite:///.|postgresql://.", "write sqlite:///path or postgresql://user:password@host/name")
]
SmtpUrl = Annotated[
    SecretStr, _matching(r"smtps?://[^/]", "write smtp://user:password@host:587, or smtps://… for TLS from the start")
]
PublicUrl = Annotated[str, _matching(r"https?://[^/]", "write https://host, as people reach it from outside")]


def _needed_outside(value: Any, info: ValidationInfo) -> Any:
    if value is None and info.data.get("crm", "embedded") != "embedded":
        raise ValueError(f"FERD_CRM={info.data['crm']} needs it")
    return value


class Settings(BaseSettings):
    """Every setting, complete: what nobody set has its default, and missing keys are made and kept in `home`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    home: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        DEFAULT_HOME, title="Data folder", description="Databases, keys and mails of this machine."
    )
    host: str = Field("127.0.0.1", title="Address", description="Where the API and the pages listen.")
    port: Port = Field(8080, title="Port", description="Of the API and the pages.")
    api_key: Secret = Field(title="API key", description="Asked for on every /v1 call; the administrator's.")
    editor_keys: Keys = Field(
        [],
        title="Editors' keys",
        description="API keys, separated by commas, that read everything and write contents, files, links and forms.",
    )
    viewer_keys: Keys = Field(
        [], title="Viewers' keys", description="API keys, separated by commas, that read everything and change nothing."
    )
    database_url: DatabaseUrl = Field(
        default_factory=lambda known: SecretStr(f"sqlite:///{known['home'] / 'ferd.db'}"),
        title="Database",
        description="sqlite:///path or postgresql://user:password@host/name.",
    )
    temporal_port: Port = Field(7233, title="Temporal port", description="Of the development server that ferd starts.")
    temporal_ui_port: Port = Field(8233, title="Temporal UI port", description="Of the development server's pages.")
    mailbox_port: Port = Field(2525, title="Mailbox port", description="SMTP port of the local mailbox.")
    smtp_url: SmtpUrl = Field(
        default_factory=lambda known: SecretStr(f"smtp://127.0.0.1:{known['mailbox_port']}"),
        title="Mail relay",
        description="smtp:// or smtps://; the local mailbox unless set.",
    )
    public_host: str = Field(
        default_factory=lambda known: known["host"], title="Public side's address", description="Of FERD_PUBLIC_PORT."
    )
    public_port: Port | None = Field(
        None, title="Public side's port", description="Answers links, forms and hooks alone, without the API, if set."
    )
    public_url: PublicUrl = Field(
        default_factory=lambda known: (
            f"http://{_reachable(known['public_host'])}:{known['public_port'] or known['port']}"
        ),
        title="Public address",
        description="Links in mails begin with it.",
    )
    crm: Literal["embedded", "webhook", "superoffice"] = Field(
        "embedded", title="CRM", description="Who does what flows ask of the CRM: ferd itself, or another program."
    )
    crm_url: Annotated[str | None, AfterValidator(_needed_outside)] = Field(
        None,
        title="CRM address",
        description="Of another CRM: what is called with each effect, or SuperOffice's /api.",
    )
    crm_secret: Annotated[SecretStr | None, AfterValidator(_needed_outside)] = Field(
        None,
        title="CRM secret",
        description="Of another CRM: whsec_… that signs each call, or the refresh token of SuperOffice.",
    )
    superoffice_client: str = Field(
        "", title="SuperOffice application", description="The id of the application that is registered there for ferd."
    )
    superoffice_client_secret: SecretStr = Field(
        SecretStr(""), title="SuperOffice application secret", description="The secret of that application."
    )
    superoffice_webhook_secret: SecretStr = Field(
        SecretStr(""),
        title="SuperOffice webhook secret",
        description="That SuperOffice's webhooks to /hooks/superoffice were registered with; without it none is taken.",
    )
    superoffice_token_url: str = Field(
        "https://online.superoffice.com/login/common/oauth/tokens",
        title="SuperOffice tokens",
        description="Where access tokens come from.",
    )
    scripts: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        default_factory=lambda known: known["home"] / "scripts",
        title="Scripts",
        description="The folder of the executables that flows may start. They see no setting of ferd's, and of the "
        "environment only variables whose names begin with SCRIPT_.",
    )
    private_webhooks: bool = Field(
        default_factory=lambda known: _is_loopback(known["host"]),
        title="Private webhooks",
        description="Whether webhooks may call this machine and private networks; as long as ferd listens to this "
        "machine alone, unless set.",
    )
    secret_keys: Keys = Field(
        min_length=1,
        title="Signing keys",
        description="For links in mails, separated by commas: the first signs, all verify.",
    )
    sms_url: PublicUrl = Field(
        default_factory=lambda known: _phone(known["host"], known["port"]),
        title="SMS provider",
        description="A Messages API like Twilio's, as in https://api.twilio.com; the local phone unless set.",
    )
    sms_account: Annotated[str, _matching(r"[\w.-]+$", "write the account's id")] = Field(
        "local", title="SMS account", description="The account's id at the SMS provider."
    )
    sms_token: Secret = Field(
        default_factory=lambda known: _derived(known["secret_keys"], "ferd.sms"),
        title="SMS token",
        description="The account's token: it lets us in at the SMS provider, and signs what that one reports.",
    )
    hook_key: Secret | None = Field(
        None,
        title="Hook key",
        description="Lets in who reports bounces and replies, as ?key=… or Bearer; the API key does so too.",
    )
    rate_email: Speed | None = Field(
        None, title="E-mail rate", description="Most e-mails over all flows, as in '300 per minute'."
    )
    rate_sms: Speed | None = Field(
        None, title="SMS rate", description="Most SMS over all flows, as in '60 per minute'."
    )
    cap_email: Cap | None = Field(
        None, title="E-mail cap", description="Most e-mails to one person over all flows, as in '3 per week'."
    )
    cap_sms: Cap | None = Field(
        None, title="SMS cap", description="Most SMS to one person over all flows, as in '1 per day'."
    )
    retention_full: Period = Field(
        timedelta(days=180),
        title="Full journal",
        description="How long journal, messages, effects and events are kept in full.",
    )
    retention_thin: Period = Field(
        timedelta(days=730),
        title="Thinned journal",
        description="How long their ids and kinds are kept, a week at least; after that the participations alone are.",
    )
    keep_blocked: bool = Field(
        True,
        title="Keep blocked",
        description="Whether a keyed hash of the blocked or unsubscribed addresses of erased people is kept, so that "
        "they are not written to if they are imported again.",
    )
    log_format: Literal["console", "json"] = Field(
        "console", title="Log format", description="console for people, json for programs."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, KeptKeys(settings_cls)

    @property
    def signing_keys(self) -> list[str]:
        """The keys as text."""
        return [key.get_secret_value() for key in self.secret_keys]

    @property
    def own_phone(self) -> str:
        """The address of the local phone, which takes SMS where no provider is named."""
        return _phone(self.host, self.port)

    def shown(self) -> Iterator[Setting]:
        """Each setting with its value's origin, for `ferd settings`."""
        file = _env_file()
        for field, info in type(self).model_fields.items():
            name = PREFIX + field.upper()
            yield Setting(name, _masked(getattr(self, field)), _origin(name, field, file), info.description or "")


class KeptKeys(PydanticBaseSettingsSource):
    """Keys that nobody set: made at random at the first start and kept in the data folder, for its owner alone."""

    FILES: ClassVar[Mapping[str, str]] = {"api_key": "api-key", "secret_keys": "secret-key"}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        home = Path(self.current_state.get("home", DEFAULT_HOME)).expanduser()
        return _kept(home / self.FILES[field_name]), field_name, False

    def __call__(self) -> dict[str, Any]:
        missing = {name: self.settings_cls.model_fields[name] for name in self.FILES if name not in self.current_state}
        return {name: self.get_field_value(field, name)[0] for name, field in missing.items()}


def load_settings() -> Settings:
    """The settings of this process. Raises SettingsError, with every wrong one, in words that need no stack trace."""
    file = _env_file()
    problems = [*_unknown(os.environ, Origin.ENVIRONMENT), *_unknown(file, Origin.ENV_FILE)]
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            # A default that is made from another setting, which has its own entry here.
            if problem["type"] != "default_factory_not_called":
                field = str(problem["loc"][0])
                name = PREFIX + field.upper()
                reason = WANTED.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
                problems.append(f"{name} (from {_origin(name, field, file)}): {reason}")
        raise SettingsError("\n".join(problems)) from None
    except OSError as error:
        reason = f"the data folder cannot be used: {error.filename}: {error.strerror}"
        raise SettingsError(f"FERD_HOME: {reason}. Name a folder that you may write to.") from error
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _kept(path: Path) -> str:
    """The key in the file; a new one if there is none, also when two processes start at the same moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _env_file() -> Mapping[str, str | None]:
    return dotenv_values(ENV_FILE, encoding="utf-8") if ENV_FILE.is_file() else {}


def _origin(name: str, field: str, file: Mapping[str, str | None]) -> Origin:
    if os.environ.get(name):
        return Origin.ENVIRONMENT
    if file.get(name):
        return Origin.ENV_FILE
    return Origin.MADE if field in KeptKeys.FILES else Origin.DEFAULT


def _unknown(names: Mapping[str, str | None], origin: Origin) -> Iterator[str]:
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    for name in names:
        if name.startswith(PREFIX) and name not in known:
            nearest = difflib.get_close_matches(name, known, 1)
            yield f"{name} (from {origin}) is not a setting" + (f": did you mean {nearest[0]}?" if nearest else ".")


def _phone(host: str, port: int) -> str:
    return f"http://{_reachable(host)}:{port}/phone"


def _derived(keys: list[SecretStr], purpose: str) -> SecretStr:
    """A key of its own for what stays on this machine, the same in every process."""
    return SecretStr(hmac.digest(keys[0].get_secret_value().encode(), purpose.encode(), "sha256").hex())


def _reachable(host: str) -> str:
    return "127.0.0.1" if host == "0.0.0.0" else host


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _masked(value: object) -> str:
    match value:
        case SecretStr():
            url = re.fullmatch(r"(\w[\w+]*://)(?:([^:@/]*)(:.*)?@)?(.*)", value.get_secret_value())
            if url is None:
                return "…"
            login = "" if url[2] is None else url[2] + (":…" if url[3] else "") + "@"
            return url[1] + login + url[4]
        case list():
            return ", ".join(map(_masked, value))
        case timedelta():
            return f"{value.days} days"
        case None:
            return ""
        case _:
            return str(value)
