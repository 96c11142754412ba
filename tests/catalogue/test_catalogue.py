"""Models from the shipped rows and the settings: what is read, found, refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tokenhouse.catalogue import Catalogue, Model, price_line, system_prompt
from tokenhouse.config import ConfigError, load
from tokenhouse.errors import CallerError, HouseError

MISTRAL = "mistralai/mistral-small-3.1-24b-instruct"
STARTER = "tokenhouse/starter"
SIBLINGS = ["mistralai/mistral-small-3.2-24b-instruct", "mistralai/ministral-3-3b-instruct"]
TEMPLATE = "Guide of {site} at {url}; {not} a word.\n{models}"
FREE = '[[models]]\nid = "a/free"\nfree = true\n'
PRICED = '[[models]]\nid = "a/m"\nprice = { input = "1", output = "2" }\n'


def build(tmp_path: Path, text: str = "") -> Catalogue:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    settings = load(file, default_data_dir=tmp_path, environ={})
    return Catalogue.build(settings, starter_prompt=TEMPLATE)


def mistakes(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, text)
    return str(caught.value)


def test_the_shipped_rows_say_what_the_page_says(tmp_path: Path) -> None:
    catalogue = build(tmp_path)
    assert [model.id for model in catalogue.models] == [MISTRAL, *SIBLINGS, STARTER]
    offer = catalogue.offer(MISTRAL)
    model = offer.model
    assert (offer.price.input, offer.price.output) == (350_000, 560_000)
    assert (model.context_length, model.max_output_tokens) == (131072, 32768)
    assert model.name == "Mistral: Mistral Small 3.1 24B"
    assert model.license == "Apache-2.0"
    assert model.added == date(2026, 2, 20)
    assert model.defaults.temperature == 0.15
    assert model.input_modalities == ("text", "image")
    assert model.image_tokens == 3080
    assert [route.provider for route in model.routes] == ["local"]
    starter = catalogue.offer(STARTER)
    assert starter.price == offer.price
    assert (starter.model.context_length, starter.model.max_output_tokens) == (4096, 1024)
    assert (starter.model.defaults.temperature, starter.model.defaults.top_p) == (0.2, 0.9)


@pytest.mark.parametrize(
    "name",
    [
        MISTRAL,
        "mistralai-mistral-small-3.1-24b-instruct",
        "mistralai/Mistral-Small-3.1-24B-Instruct-2503",
        "MISTRALAI/mistral-small-3.1-24b-instruct",
        "mistral-small3.1:24b",
    ],
)
def test_a_model_is_found_by_id_hyphenated_id_and_alias_in_any_case(
    tmp_path: Path, name: str
) -> None:
    catalogue = build(tmp_path)
    assert catalogue.resolve(name).id == MISTRAL
    assert catalogue.offer(name).model.id == MISTRAL


def test_an_unknown_model_is_not_found_and_near_ones_are_named(tmp_path: Path) -> None:
    catalogue = build(tmp_path)
    for find in (catalogue.resolve, catalogue.offer):
        with pytest.raises(CallerError) as caught:
            find("mistralai/mistral-small-3.1-24b")
        assert (caught.value.status, caught.value.code) == (404, "model_not_found")
        assert caught.value.param == "model"
        assert MISTRAL in caught.value.message
    with pytest.raises(CallerError) as caught:
        catalogue.offer("x" * 10_000)
    assert len(caught.value.message) < 300


def test_a_model_without_a_price_is_listed_but_not_offered(tmp_path: Path) -> None:
    catalogue = build(tmp_path, '[[models]]\nid = "a/b"\n')
    assert catalogue.resolve("a/b").price is None
    assert catalogue.rows[0].pricing == {}
    with pytest.raises(HouseError) as caught:
        catalogue.offer("a/b")
    assert (caught.value.status, caught.value.code) == (503, "model_has_no_price")


def test_a_free_model_says_so_and_costs_nothing(tmp_path: Path) -> None:
    offer = build(tmp_path, FREE).offer("a/free")
    assert offer.price.free
    assert (offer.price.prompt_rate, offer.price.answer_rate, offer.price.request) == (0, 0, 0)
    zero = FREE + 'price = { input = "0", output = "0.00" }\n'
    assert build(tmp_path, zero).offer("a/free").price == offer.price


def test_each_shipped_model_but_the_starter_says_where_its_weights_are(tmp_path: Path) -> None:
    for model in build(tmp_path).models:
        if model.id == STARTER:
            assert model.hub is None
        else:
            assert model.hub is not None
            assert model.hub.repo.endswith("-GGUF")
            assert model.weights is not None
            assert "-Q4_K_M." in model.weights
            assert model.hub.projector is not None
        assert (model.price is None) == (model.id in SIBLINGS)


@pytest.mark.parametrize(
    ("hub", "mistake"),
    [
        ('{ repo = "alone" }', "models[0].hub.repo: expected owner/repository"),
        ('{ repo = "a/b", sha256 = { "x.gguf" = "12" } }', "64 hexadecimal digits"),
        ('{ repo = "a/b", comit = "x" }', "models[0].hub.comit"),
    ],
)
def test_a_mistake_in_a_hub_is_named(tmp_path: Path, hub: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, f'[[models]]\nid = "a/b"\nfree = true\nhub = {hub}\n')
    assert mistake in str(caught.value)


def test_a_row_of_the_same_id_replaces_the_shipped_one(tmp_path: Path) -> None:
    catalogue = build(
        tmp_path, f'[[models]]\nid = "{STARTER}"\nprice = {{ input = "1", output = "2" }}\n'
    )
    assert [model.id for model in catalogue.models] == [STARTER, MISTRAL, *SIBLINGS]
    assert catalogue.offer(STARTER).price.input == 1_000_000
    assert not catalogue.resolve(STARTER).shipped


def test_the_shipped_models_can_be_left_out(tmp_path: Path) -> None:
    catalogue = build(tmp_path, "[catalogue]\nshipped = false\n" + PRICED)
    assert [model.id for model in catalogue.models] == ["a/m"]
    assert "free" in catalogue.plans


def test_everything_of_a_row_is_read(tmp_path: Path) -> None:
    catalogue = build(
        tmp_path,
        """
[providers.up]
kind = "openai"
base_url = "http://h/v1"
[[models]]
id = "a/m"
context_length = 1000
system_prompt = "At {url}"
price = { input = "1", output = "2", cache_read = "0.1", cache_write = "1.25", reasoning = "3", \
image = "0.001", request = "0.000000001" }
routes = [ { provider = "up", model = "m", priority = 2, weight = 5 }, { provider = "local" } ]
""",
    )
    offer = catalogue.offer("a/m")
    assert offer.model.max_output_tokens == 1000
    assert offer.system_prompt == "At http://127.0.0.1:8080"
    price = offer.price
    assert (price.cache_read, price.cache_write, price.reasoning) == (100_000, 1_250_000, 3_000_000)
    assert (price.image, price.request) == (10**9, 1000)
    assert (price.prompt_rate, price.answer_rate) == (1_250_000, 3_000_000)
    up, local = offer.model.routes
    assert (up.provider, up.model, up.priority, up.weight) == ("up", "m", 2, 5)
    assert (local.provider, local.model, local.weight) == ("local", "a/m", 1)


def test_equal_prices_have_equal_versions_and_others_do_not(tmp_path: Path) -> None:
    first = build(tmp_path, PRICED).offer("a/m").price
    again = build(tmp_path, PRICED.replace('"1"', '"1.00"')).offer("a/m").price
    other = build(tmp_path, PRICED.replace('"1"', '"1.01"')).offer("a/m").price
    assert first.version == again.version != other.version
    assert first.version.startswith("prc_")
    assert len(first.version) == 16


TIER = '{ above = 10, input = "2", output = "3", cache_read = "0.2" }'


def tiered(*tiers: str) -> str:
    return PRICED.replace('"2" }', f'"2", tiers = [{", ".join(tiers)}] }}')


def test_tiers_are_read_and_shown_with_the_price(tmp_path: Path) -> None:
    catalogue = build(tmp_path, tiered(TIER))
    (tier,) = catalogue.offer("a/m").price.tiers
    assert (tier.above, tier.input, tier.output) == (10, 2_000_000, 3_000_000)
    assert (tier.cache_read_rate, tier.cache_write_rate) == (200_000, 2_000_000)
    row = next(row for row in catalogue.rows if row.id == "a/m")
    assert row.pricing["prompt"] == "0.000001"
    (shown,) = row.pricing_tiers
    assert (shown.above, shown.prompt, shown.completion) == (10, "0.000002", "0.000003")
    assert shown.input_cache_read == "0.0000002"
    assert shown.internal_reasoning == "0.000003"


def test_a_free_variant_is_a_model_of_its_own(tmp_path: Path) -> None:
    variant = '[[models]]\nid = "a/m:free"\nfree = true\n'
    catalogue = build(tmp_path, PRICED + variant + "[plans.p]\nfree_requests_per_day = 50")
    assert catalogue.resolve("a/m:free").free_variant
    assert catalogue.offer("a/m:free").price.free
    assert not catalogue.resolve("a/m").free_variant
    assert catalogue.plans["p"].free_requests_per_day == 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[models]]\nid = "plain"', 'models[0].id: expected author/slug, got "plain"'),
        ("[[models]]\nname = 1", "models[0].name: expected a text"),
        (PRICED + "contxt_length = 3", 'unknown key; did you mean "context_length"? (model a/m)'),
        (PRICED + "context_length = 0", "models[0].context_length: expected a whole number"),
        (PRICED + "max_output_tokens = 9000", "models[0].max_output_tokens: is more than context"),
        (PRICED + 'capabilities = ["tool"]', 'models[0].capabilities: does not know "tool"'),
        (PRICED + 'aliases = ["two words"]', 'models[0].aliases: "two words" is no name'),
        (PRICED + 'routes = [{ provider = "loca" }]', "there is no [providers.loca]; did you mean"),
        (PRICED + "routes = [{}]", "models[0].routes[0].provider: is missing"),
        (
            PRICED + 'routes = [{ provider = "local" }, { provider = "local" }]',
            "models[0].routes[1]: is the same as another route",
        ),
        (PRICED + "defaults = { temperature = 3 }", "models[0].defaults.temperature: expected"),
        (PRICED.replace('"1"', "1.0"), "models[0].price.input: expected exact US dollars"),
        (PRICED.replace('"1"', '"-1"'), "models[0].price.input: '-1' is not an amount"),
        (PRICED.replace('"1"', '"0.0000001"'), "models[0].price.input:"),
        (PRICED.replace('"1"', '"0"'), 'models[0].price.input: is "0": nothing is free'),
        (PRICED.replace('output = "2"', 'output = "0"'), "say free = true"),
        (PRICED.replace(', output = "2"', ""), "models[0].price.output: is missing"),
        (PRICED.replace('"2"', '"2", image = "1001"'), 'price.image: "1001" is more than 1000.00'),
        (PRICED + "free = true", "a free model has no price"),
        (tiered("{}"), "models[0].price.tiers[0].above: is missing"),
        (tiered('{ above = 10, input = "1" }'), "models[0].price.tiers[0].output: is missing"),
        (tiered('{ above = 0, input = "1", output = "1" }'), "tiers[0].above: expected a whole"),
        (tiered('{ above = 10, input = "0", output = "1" }'), 'tiers[0].input: is "0": nothing'),
        (tiered('{ above = 10, inptu = "1", output = "1" }'), 'did you mean "input"'),
        (tiered('{ above = 8192, input = "1", output = "1" }'), "less than context_length, 8192"),
        (tiered(TIER, TIER), "tiers[1].above: must be more than the tier before it says, 10"),
        (
            PRICED.replace("a/m", "a/m:free"),
            'models[0].id: ends in ":free", so the model is free: say free = true',
        ),
        ("[plans.free]\nfree_requests_per_day = -1", "plans.free.free_requests_per_day: expected"),
        (PRICED + PRICED, "models[1].id: is already the id of models[0]"),
        (PRICED + 'aliases = ["starter"]', '"starter" names both a/m and tokenhouse/starter'),
        (PRICED + '[server]\ndefault_model = "a/n"', 'there is no model "a/n"; did you mean "a/m"'),
        ("[plans.Pro]", "plans.Pro: a plan's name is lower-case"),
        ("[plans.free]\nmonthly_grant = 1", "plans.free.monthly_grant: expected exact US dollars"),
        ('[plans.free]\nmonthly_grant = "1000000.01"', "more than 1000000.00 USD a month"),
        ("[plans.free]\nconcurrent_requests = 0", "plans.free.concurrent_requests: expected"),
        ("[plans]\nfree = 3", "plans.free: expected a table"),
    ],
)
def test_a_mistake_in_a_row_names_its_place_and_the_mend(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in mistakes(tmp_path, text)


def test_the_default_model_is_the_configured_one_else_the_first_that_can_answer(
    tmp_path: Path,
) -> None:
    def starter_only(model: Model) -> bool:
        return model.id == STARTER

    catalogue = build(tmp_path)
    assert catalogue.default_model(starter_only).id == STARTER
    assert catalogue.default_model(lambda _: True).id == MISTRAL
    with pytest.raises(HouseError) as caught:
        catalogue.default_model(lambda _: False)
    assert (caught.value.status, caught.value.code) == (503, "model_not_ready")
    named = build(tmp_path, PRICED + '[server]\ndefault_model = "A-M"')
    assert named.default_model(lambda _: False).id == "a/m"


def test_a_plan_left_out_limits_nothing_and_the_free_plan_ships(tmp_path: Path) -> None:
    shipped = build(tmp_path).plans["free"]
    assert shipped.monthly_grant == 10**9
    assert (shipped.requests_per_minute, shipped.tokens_per_minute) == (60, 200_000)
    assert (shipped.concurrent_requests, shipped.queue_depth) == (5, None)
    catalogue = build(tmp_path, '[plans.free]\nmonthly_grant = "0.00"\n[plans.default]\n')
    assert catalogue.plans["free"].monthly_grant == 0
    assert catalogue.plans["free"].requests_per_minute is None
    assert catalogue.default_plan is catalogue.plans["default"]
    assert build(tmp_path).default_plan == shipped
    assert catalogue.plan("free") is catalogue.plans["free"]
    assert catalogue.plan("gone") is catalogue.plans["default"]
    assert Catalogue([], []).plan("gone").monthly_grant == 0


def test_the_default_system_prompt_quotes_the_house(tmp_path: Path) -> None:
    catalogue = build(tmp_path, '[site]\nname = "{url} & Co"\n' + FREE + '[[models]]\nid = "a/b"\n')
    offer = catalogue.offer(STARTER)
    assert offer.system_prompt == (
        "Guide of {url} & Co at http://127.0.0.1:8080; {not} a word.\n"
        '- "a/free" is free\n'
        f'- "{MISTRAL}" costs $0.35 in, $0.56 out per 1M tokens\n'
        f'- "{STARTER}" costs $0.35 in, $0.56 out per 1M tokens'
    )
    assert offer.system_prompt is not None
    assert offer.system_tokens == 16 + len(offer.system_prompt)
    said = system_prompt(
        offer.model, site="{url} & Co", url="http://127.0.0.1:8080", catalogue=catalogue
    )
    assert said == offer.system_prompt
    assert catalogue.offer(MISTRAL).system_prompt is None
    assert price_line("a/b", catalogue.offer("a/free").price) == '"a/b" is free'


def test_a_long_catalogue_does_not_fill_the_prompt(tmp_path: Path) -> None:
    rows = "".join(FREE.replace("a/free", f"a/m{number}") for number in range(200))
    prompt = build(tmp_path, rows).offer(STARTER).system_prompt
    assert prompt is not None
    assert prompt.splitlines()[-1] == "- and 162 more on http://127.0.0.1:8080/models"
    assert len(prompt) < 2000


def test_rows_carry_the_fields_of_both_worlds(tmp_path: Path) -> None:
    row = build(tmp_path).rows[0]
    assert (row.id, row.object, row.owned_by) == (MISTRAL, "model", "mistralai")
    assert row.created == 1_771_545_600
    assert row.pricing["prompt"] == "0.00000035"
    assert row.pricing["completion"] == "0.00000056"
    assert row.pricing["request"] == "0"
    assert row.architecture.modality == "text+image->text"
    assert row.architecture.tokenizer == "Mistral"
    assert row.top_provider.max_completion_tokens == 32768
    assert {"tools", "tool_choice", "response_format", "max_tokens"} <= set(
        row.supported_parameters
    )
    assert row.default_parameters == {"temperature": 0.15}
