"""The settings: what is read, from where, and what a mistake looks like."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tokenhouse import config
from tokenhouse.catalogue import Catalogue
from tokenhouse.config import Config, ConfigError, commented_default, load, reference

UPSTREAM = """
[providers.upstream1]
kind = "openai"
base_url = "http://127.0.0.1:9001/v1"
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads a settings file that happens to lie in the working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def read(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return load(file, default_data_dir=tmp_path / "data", environ=environ or {})


def mistakes(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, environ)
    return str(caught.value)


def test_a_house_without_a_file_has_every_default(tmp_path: Path) -> None:
    made = load(default_data_dir=tmp_path, environ={})
    assert made.path is None
    assert (made.server.host, made.server.port, made.server.workers) == ("127.0.0.1", 8080, 1)
    assert made.server.public_url == "http://127.0.0.1:8080"
    assert made.server.max_body == 32_000_000
    assert made.server.cors_origins == ("*",)
    assert made.store.url == f"sqlite:///{tmp_path}/tokenhouse.db"
    assert made.store.durability == "process"
    assert made.site.sign_up == "closed"
    assert made.catalogue.shipped is True
    assert [(provider.name, provider.kind) for provider in made.providers] == [("local", "engine")]


def test_the_commented_default_equals_the_defaults_and_names_every_key(tmp_path: Path) -> None:
    text = commented_default()
    plain = load(default_data_dir=tmp_path / "data", environ={})
    written = read(tmp_path, text)
    assert dataclasses.replace(written, path=None) == plain
    for section in (config.ServerConfig, config.UpstreamConfig, config.ModelRow, config.PlanRow):
        for field in dataclasses.fields(section):
            if (section, field.name) != (config.UpstreamConfig, "name"):
                assert re.search(rf"^#?{field.name} = ", text, re.M), field.name


def test_the_commented_default_holds_when_every_line_of_it_is_uncommented(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(?! )", "", commented_default())
    made = read(tmp_path, text, {"UPSTREAM1_KEY": "k", "HF_TOKEN": "t"})
    plain = load(default_data_dir=tmp_path / "data", environ={"HF_TOKEN": "t"})
    for name in ("server", "store", "site", "mail", "routing", "engine", "catalogue"):
        assert getattr(made, name) == getattr(plain, name)
    assert [provider.name for provider in made.providers] == ["local", "upstream1", "trial"]
    catalogue = Catalogue.build(made, starter_prompt="")
    assert catalogue.offer("mistralai/mistral-small-3.1-24b-instruct").price.input == 350_000
    assert catalogue.plans["free"].monthly_grant == 10**9


def test_every_line_of_the_commented_default_fits_the_page() -> None:
    assert all(len(line) <= 110 for line in commented_default().splitlines())
    assert tomllib.loads(commented_default())


def test_the_reference_describes_every_key_once() -> None:
    entries = reference()
    keys = [entry.key for entry in entries]
    assert len(keys) == len(set(keys))
    assert all(entry.description and entry.type for entry in entries)
    defaults = {entry.key: entry.default for entry in entries}
    assert defaults["server.port"] == "8080"
    assert defaults["server.max_body"] == '"32MB"'
    assert defaults["providers.NAME (openai, anthropic).api_key"] == ""
    assert defaults["models.price.cache_read"] == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nprot = 1", 'server.prot: unknown key; did you mean "port"?'),
        ("[servre]\nport = 1", 'servre: unknown section; did you mean "server"?'),
        ('[server]\nport = "80"', 'server.port: expected a whole number from 0 to 65535, got "80"'),
        ("[server]\nport = true", "server.port: expected a whole number from 0 to 65535, got true"),
        ("[server]\nport = 65536", "server.port: expected a whole number from 0 to 65535"),
        ("[server]\nmax_body = -1", "server.max_body: expected a size"),
        ('[server]\nmax_body = "32 elephants"', "server.max_body: expected a size"),
        ("[server]\nheader_timeout_s = nan", "server.header_timeout_s: expected a number"),
        ("[server]\nrequest_deadline_s = inf", "server.request_deadline_s: expected a number"),
        ('[server]\ncors_origins = "*"', "server.cors_origins: expected a list of texts"),
        ('[server]\npublic_url = "api.example.com"', "server.public_url: expected an address"),
        ("[server]\nworkers = 2", "server.workers: more than one worker needs a PostgreSQL"),
        ("server = 1", "server: expected a table, got 1"),
        ('[store]\nurl = "mysql://x"', "store.url: expected sqlite:///PATH or postgresql://"),
        ('[store]\ndurability = "proces"', 'did you mean "process"?'),
        ("[providers.x]", "providers.x.kind: is missing"),
        ('[providers.x]\nkind = "opnai"', 'did you mean "openai"?'),
        ('[providers.x]\nkind = "openai"', "providers.x.base_url: is missing"),
        ('[providers.X]\nkind = "engine"', "providers.X: a provider's name is lower-case"),
        ('[providers.x]\nkind = "engine"\nslot = 2', 'did you mean "slots"?'),
        ("providers = []", "providers: expected tables like [providers.local]"),
        ("plans = 3", "plans: expected tables like [plans.free]"),
        ("models = 3", "models: expected tables that begin with [[models]]"),
        ("[server", "not valid TOML"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_expected(
    tmp_path: Path, text: str, expected: str
) -> None:
    said = mistakes(tmp_path, text)
    assert expected in said
    assert said.startswith(f"{tmp_path / 'settings.toml'}: ")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "[server]\nport = -1\nhsot = 1\n[site]\nname = 3")
    assert len(caught.value.problems) == 3
    assert "3 mistakes" in str(caught.value)


def test_sizes_are_read_in_tens_and_in_twos(tmp_path: Path) -> None:
    for written, size in (('"5MB"', 5_000_000), ('"5MiB"', 5 * 2**20), ("77", 77), ('"1kB"', 1000)):
        assert read(tmp_path, f"[server]\nmax_body = {written}").server.max_body == size


def test_a_secret_comes_from_the_environment_or_a_file_and_never_shows(tmp_path: Path) -> None:
    made = read(tmp_path, UPSTREAM + 'api_key = "env:K"', {"K": "hush-hush"})
    provider = made.providers[0]
    assert isinstance(provider, config.UpstreamConfig)
    assert provider.api_key is not None
    assert provider.api_key.reveal() == "hush-hush"
    assert "hush" not in repr(made)
    (tmp_path / "key.txt").write_text("from-a-file\n")
    provider = read(tmp_path, UPSTREAM + 'api_key = "file:key.txt"').providers[0]
    assert isinstance(provider, config.UpstreamConfig)
    assert provider.api_key is not None
    assert provider.api_key.reveal() == "from-a-file"
    provider = read(tmp_path, UPSTREAM + 'api_key = ""').providers[0]
    assert isinstance(provider, config.UpstreamConfig)
    assert provider.api_key is None


@pytest.mark.parametrize(
    ("reference_text", "expected"),
    [
        ("env:NO_SUCH", 'the environment variable NO_SUCH is not set ("env:NO_SUCH")'),
        ("env:EMPTY", "the environment variable EMPTY is empty"),
        ("file:no/such", "no/such cannot be read"),
        ("sk-plain", "the secret itself never stands here"),
    ],
)
def test_a_missing_secret_names_its_key_and_its_source(
    tmp_path: Path, reference_text: str, expected: str
) -> None:
    said = mistakes(tmp_path, UPSTREAM + f'api_key = "{reference_text}"', {"EMPTY": ""})
    assert "providers.upstream1.api_key: " in said
    assert expected in said
    assert "sk-plain" not in said


def test_the_named_file_wins_then_the_variable_then_here_then_the_data_directory(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    flag, variable = tmp_path / "flag.toml", tmp_path / "variable.toml"
    here, kept = Path("tokenhouse.toml"), data / "tokenhouse.toml"
    for file in (flag, variable, here, kept):
        file.write_text(f'[site]\nname = "{file.stem if file != kept else "kept"}"')
    env = {"TOKENHOUSE_CONFIG": str(variable)}
    assert load(flag, data, default_data_dir=tmp_path, environ=env).site.name == "flag"
    assert load(None, data, default_data_dir=tmp_path, environ=env).site.name == "variable"
    assert load(None, data, default_data_dir=tmp_path, environ={}).site.name == "tokenhouse"
    here.unlink()
    assert load(None, data, default_data_dir=tmp_path, environ={}).site.name == "kept"
    kept.unlink()
    assert load(None, data, default_data_dir=tmp_path, environ={}).site.name == "Tokenhouse"


def test_a_named_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "no.toml", default_data_dir=tmp_path, environ={})


def test_the_data_directory_is_the_flag_then_the_variable_then_the_default(tmp_path: Path) -> None:
    env = {"TOKENHOUSE_DATA": str(tmp_path / "variable")}
    default = tmp_path / "default"
    flag = load(None, tmp_path / "flag", default_data_dir=default, environ=env)
    assert flag.data_dir == tmp_path / "flag"
    assert load(default_data_dir=default, environ=env).data_dir == tmp_path / "variable"
    assert load(default_data_dir=default, environ={}).data_dir == default
    assert not default.exists()


def test_a_relative_database_lies_in_the_data_directory(tmp_path: Path) -> None:
    made = read(tmp_path, '[store]\nurl = "sqlite:///money.db"')
    assert made.store.url == f"sqlite:///{tmp_path}/data/money.db"
    made = read(tmp_path, '[store]\nurl = "sqlite:////var/money.db"')
    assert made.store.url == "sqlite:////var/money.db"


def test_a_database_url_with_a_password_may_come_from_the_environment(tmp_path: Path) -> None:
    made = read(tmp_path, '[store]\nurl = "env:DB"', {"DB": "postgresql://u:p@h/d"})
    assert made.store.url == "postgresql://u:p@h/d"
    assert "u:p@h" not in repr(made)


def test_the_command_line_is_checked_like_the_file_and_moves_the_public_url(
    tmp_path: Path,
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[server]\nhost = "10.0.0.1"\nport = 1')
    made = load(file, default_data_dir=tmp_path, environ={}, server={"port": 9000})
    assert made.server.public_url == "http://10.0.0.1:9000"
    with pytest.raises(ConfigError, match=r"server\.port"):
        load(file, default_data_dir=tmp_path, environ={}, server={"port": 70000})


def test_several_workers_go_with_postgresql_and_no_written_engine(tmp_path: Path) -> None:
    text = '[server]\nworkers = 4\n[store]\nurl = "postgresql://u@h/d"\n'
    assert read(tmp_path, text).server.workers == 4
    assert "providers.gpu: " in mistakes(tmp_path, text + '[providers.gpu]\nkind = "engine"')


def test_a_written_local_provider_replaces_the_engine_that_is_always_there(tmp_path: Path) -> None:
    made = read(tmp_path, UPSTREAM.replace("upstream1", "local"))
    assert [(provider.name, provider.kind) for provider in made.providers] == [("local", "openai")]


def test_proxies_and_certificates_are_values(tmp_path: Path) -> None:
    env = {"HTTPS_PROXY": "http://p:1", "no_proxy": "a,b", "SSL_CERT_FILE": "/ca.pem"}
    network = load(default_data_dir=tmp_path, environ=env).network
    assert (network.https_proxy, network.no_proxy) == ("http://p:1", "a,b")
    assert network.ssl_cert_file == "/ca.pem"
    assert "p:1" not in repr(network)


def test_the_hub_is_the_files_else_the_environments_else_hugging_face(tmp_path: Path) -> None:
    said = {"HF_ENDPOINT": "https://mirror.example/", "HF_TOKEN": "t"}
    assert read(tmp_path, "").engine.hub == "https://huggingface.co"
    mirror = read(tmp_path, "", said).engine
    assert mirror.hub == "https://mirror.example"
    assert mirror.hub_token is not None
    assert mirror.hub_token.reveal() == "t"
    assert repr(mirror.hub_token) == "Secret(env:HF_TOKEN)"
    own = read(tmp_path, '[engine]\nhub = "http://127.0.0.1:9/"\n', said).engine
    assert own.hub == "http://127.0.0.1:9"
    with pytest.raises(config.ConfigError, match=r"engine\.hub"):
        read(tmp_path, '[engine]\nhub = "huggingface.co"\n')


def test_a_trusted_proxy_is_an_address_or_a_network(tmp_path: Path) -> None:
    made = read(tmp_path, '[server]\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8", "::1"]')
    assert made.server.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "::1")
    told = mistakes(tmp_path, '[server]\ntrusted_proxies = ["::1", "proxy.example"]')
    assert "server.trusted_proxies[1]: expected an address or a network" in told
