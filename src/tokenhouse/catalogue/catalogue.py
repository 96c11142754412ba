"""The catalogue itself: built once from the shipped rows and the settings, then only read."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

from tokenhouse.catalogue.prompts import fill
from tokenhouse.catalogue.reach import contexts_of, within_reach
from tokenhouse.catalogue.reading import read_models, read_plans
from tokenhouse.catalogue.rows import Row, row
from tokenhouse.catalogue.values import Model, Offer, Plan
from tokenhouse.config import Config, Reader, did_you_mean
from tokenhouse.errors import CallerError, HouseError

_NO_PLAN = Plan(name="")
_SHIPPED = Path(__file__).with_name("models.toml")


class Catalogue:
    """Models, offers and plans of this house. ``models`` in the order of the settings: the
    operator's rows first, then the shipped ones that none of them replaces.

    Names are looked up whatever their case: ``author/slug``, ``author-slug`` or an alias.
    """

    __slots__ = ("_by_name", "_default", "_offers", "models", "plans", "rows")

    def __init__(
        self,
        models: Sequence[Model],
        plans: Sequence[Plan],
        *,
        site: str = "Tokenhouse",
        url: str = "",
        default: str = "",
    ) -> None:
        """ValueError names two models of one name, or a default that is no model's."""
        self.models = tuple(models)
        self.plans: Mapping[str, Plan] = MappingProxyType({plan.name: plan for plan in plans})
        self.rows: tuple[Row, ...] = tuple(row(model) for model in models)
        self._by_name = _names(models)
        offers: dict[str, Offer] = {}
        for model in models:
            if model.price is not None:
                prompt = model.system_prompt and fill(
                    model.system_prompt, site=site, url=url, models=models
                )
                offers[model.id] = Offer(model, model.price, prompt)
        self._offers = {
            name: offers[model.id] for name, model in self._by_name.items() if model.id in offers
        }
        # as written too: the common case needs one look and no lowering
        self._offers.update(offers)
        self._default: Model | None = None
        if default:
            self._default = self._by_name.get(default.lower())
            if self._default is None:
                hint = did_you_mean(default, [model.id for model in models])
                raise ValueError(f'server.default_model: there is no model "{default}"{hint}')

    @classmethod
    def build(cls, config: Config, *, starter_prompt: str) -> Catalogue:
        """Read the shipped rows and the settings; ConfigError names every mistake.

        ``starter_prompt`` is the template that ``system_prompt = "starter"`` stands for.
        """
        names = [provider.name for provider in config.providers]
        reader = Reader({}, config.data_dir)
        written = read_models(reader, config.models, providers=names, starter_prompt=starter_prompt)
        plans = {plan.name: plan for plan in read_plans(reader, config.plans)}
        tables = tomllib.loads(_SHIPPED.read_text(encoding="utf-8"))
        replaced = {model.id.lower() for model in written}
        shipped = read_models(
            reader,
            cast("list[Mapping[str, object]]", tables["models"])
            if config.catalogue.shipped
            else [],
            providers=names,
            starter_prompt=starter_prompt,
            shipped=True,
        )
        shipped_plans = read_plans(reader, cast("Mapping[str, object]", tables["plans"]))
        source = "" if config.path is None else str(config.path)
        reader.done(source)
        contexts = contexts_of(config.providers)
        kept = [*written, *(model for model in shipped if model.id.lower() not in replaced)]
        try:
            return cls(
                [within_reach(model, contexts) for model in kept],
                [*plans.values(), *(plan for plan in shipped_plans if plan.name not in plans)],
                site=config.site.name,
                url=config.server.public_url,
                default=config.server.default_model,
            )
        except ValueError as error:
            reader.wrong("", str(error))
            reader.done(source)
            raise

    def resolve(self, name: str) -> Model:
        """The model of that name, offered or not; CallerError 404 ``model_not_found`` names near
        ones."""
        model = self._by_name.get(name) or self._by_name.get(name.lower())
        if model is None:
            raise self._unknown(name)
        return model

    def offer(self, name: str) -> Offer:
        """The model of that name with its price in force. CallerError 404 ``model_not_found``;
        HouseError 503 ``model_has_no_price``: never free by accident."""
        offer = self._offers.get(name) or self._offers.get(name.lower())
        if offer is None:
            model = self.resolve(name)
            raise HouseError(
                f"The model {model.id} has no price in this house, so it is not offered. "
                "The operator can give it one, or say free = true.",
                status=503,
                code="model_has_no_price",
                param="model",
            )
        return offer

    def default_model(self, ready: Callable[[Model], bool]) -> Model:
        """The model for requests that name none: the configured one, else the first with a price
        that is ``ready``. HouseError 503 ``model_not_ready`` when there is none."""
        if self._default is not None:
            return self._default
        for model in self.models:
            if model.price is not None and ready(model):
                return model
        raise HouseError(
            "No model can answer now. Name one in the field `model`, or try again later.",
            status=503,
            code="model_not_ready",
            param="model",
        )

    def plan(self, name: str) -> Plan:
        """The plan of that name. Accounts of one that the settings name no more are on the default
        plan: a plan that goes never leaves them without limits."""
        plan = self.plans.get(name)
        if plan is not None:
            return plan
        return self.default_plan or _NO_PLAN

    @property
    def default_plan(self) -> Plan | None:
        """The plan of accounts made without one: ``default``, else ``free``."""
        return self.plans.get("default") or self.plans.get("free")

    def _unknown(self, name: str) -> CallerError:
        near = difflib.get_close_matches(name[:100].lower(), self._by_name, n=3, cutoff=0.5)
        ids = dict.fromkeys(self._by_name[word].id for word in near)
        hint = f"Did you mean {' or '.join(ids)}? " if ids else ""
        return CallerError(
            f"There is no model named {name[:100]!r} here. {hint}GET /v1/models lists them.",
            status=404,
            code="model_not_found",
            param="model",
        )


def system_prompt(model: Model, *, site: str, url: str, catalogue: Catalogue) -> str:
    """The default system prompt of ``model``, filled in; "" where it has none."""
    if model.system_prompt is None:
        return ""
    return fill(model.system_prompt, site=site, url=url, models=catalogue.models)


def _names(models: Sequence[Model]) -> dict[str, Model]:
    """Every name, lower-case. An id comes before another model's hyphenated id or alias."""
    names = {model.id.lower(): model for model in models}
    for model in models:
        for name in (model.id.replace("/", "-"), *model.aliases):
            other = names.setdefault(name.lower(), model)
            if other is not model:
                raise ValueError(f'models.aliases: "{name}" names both {other.id} and {model.id}')
    return names
