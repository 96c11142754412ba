"""``models``: the catalogue in the platform's words. What is offered, at which price, is public."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from msgspec import structs

from tokenhouse.api.control import gives, takes
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.api.openapi_shapes import schemas_of
from tokenhouse.billing import DAY_MS, Billing
from tokenhouse.catalogue import Catalogue, Model, Price, Row
from tokenhouse.clock import Clock
from tokenhouse.money import usd_per_million
from tokenhouse.wire import anthropic_messages, openai_chat

FEATURE: Final = "llmaster"
"""What the platform calls language models; this house has no others."""
CATEGORY: Final = "LLM Models"
FREE: Final = "free"
OPEN_WEIGHTS: Final = "open-weights"
SORTS: Final = ("recommended", "latest", "most-used", "asc", "desc", "sort-asc", "sort-desc")
_DAYS: Final = 30
_PLACE: Final = "#/$defs/"


class ModelList:
    """``ready`` tells of a model's id whether it could answer now."""

    def __init__(
        self,
        catalogue: Callable[[], Catalogue],
        ready: Callable[[str], bool],
        billing: Billing,
        *,
        clock: Clock,
        url: str,
    ) -> None:
        self._catalogue = catalogue
        self._ready = ready
        self._billing = billing
        self._clock = clock
        self._url = url

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "models": self.listed,
            "models.filters": self.filters,
            "models.tags": self.tags,
            "models.providers": self.providers,
            "models.show": self.show,
        }

    async def listed(self, asking: Asking, given: takes.ModelsAsked) -> Answer:
        """A page of the models that all filters let pass."""
        del asking
        rows = [row for row in self._rows() if _passes(row, given)]
        rows = await self._sorted(rows, given.sort)
        start = (given.page - 1) * given.per_page
        meta = {
            "total": len(rows),
            "page": given.page,
            "per_page": given.per_page,
            "last_page": max(1, -(-len(rows) // given.per_page)),
        }
        return Answer(rows[start : start + given.per_page], meta)

    async def filters(self, asking: Asking, given: takes.Nothing) -> Answer:
        del asking, given
        rows = self._rows()
        return Answer(
            gives.Filters(
                features=[FEATURE],
                model_types=sorted({row.model_type for row in rows}),
                model_subcategories=sorted(
                    {row.model_subcategory for row in rows if row.model_subcategory is not None}
                ),
                base_models=[],
                providers=_providers(rows),
                tags=_tags(rows),
                sorts=list(SORTS),
            )
        )

    async def tags(self, asking: Asking, given: takes.Nothing) -> Answer:
        del asking, given
        return Answer(_tags(self._rows()))

    async def providers(self, asking: Asking, given: takes.Nothing) -> Answer:
        del asking, given
        return Answer(_providers(self._rows()))

    async def show(self, asking: Asking, given: takes.Nothing) -> Answer:
        """One model by id, hyphenated id or alias; 404 for what is not offered."""
        del given
        catalogue = self._catalogue()
        model = catalogue.offer(asking.ids["id"]).model
        row = next(row for row in catalogue.rows if row.id == model.id)
        shown = self._shown(model, row)
        return Answer(
            gives.ModelDetail(
                **structs.asdict(shown),
                supported_parameters=list(row.supported_parameters),
                default_parameters=dict(row.default_parameters),
                endpoint_configurations=self._endpoints(model),
            )
        )

    def _rows(self) -> list[gives.Model]:
        catalogue = self._catalogue()
        return [
            self._shown(model, row)
            for model, row in zip(catalogue.models, catalogue.rows, strict=True)
            if model.price is not None
        ]

    def _shown(self, model: Model, row: Row) -> gives.Model:
        assert model.price is not None
        return gives.Model(
            id=model.id,
            model_id=model.id,
            name=model.name,
            model_name=model.name,
            provider=model.author,
            model_category=CATEGORY,
            feature=FEATURE,
            model_type=row.architecture.modality,
            model_subcategory=FREE if model.price.free else None,
            description=model.description,
            tags=_tags_of(model),
            context_length=model.context_length,
            max_output_tokens=min(model.max_output_tokens, model.context_length),
            license=model.license,
            open_weights=model.open_weights,
            free=model.price.free,
            ready=self._ready(model.id),
            added=None if model.added is None else model.added.isoformat(),
            aliases=[model.id.replace("/", "-"), *model.aliases],
            price_per_million=_rates(model.price),
            pricing=dict(row.pricing),
            price_version=model.price.version,
        )

    async def _sorted(self, rows: list[gives.Model], sort: str) -> list[gives.Model]:
        if sort == "latest":
            return sorted(rows, key=lambda row: row.added or date.min.isoformat(), reverse=True)
        if sort == "most-used":
            figures = await self._billing.figures(since_ms=self._clock.now_ms() - _DAYS * DAY_MS)
            used = {model: each.answered for model, each in figures.items()}
            return sorted(rows, key=lambda row: -used.get(row.id, 0))
        if sort == "recommended":
            return rows
        return sorted(rows, key=lambda row: row.name.casefold(), reverse=sort.endswith("desc"))

    def _endpoints(self, model: Model) -> list[gives.Endpoint]:
        example = {"model": model.id, "messages": [{"role": "user", "content": "Hello!"}]}
        return [
            gives.Endpoint(
                name="OpenAI chat completions",
                method="POST",
                endpoint=f"{self._url}/v1/chat/completions",
                parameters=_schema(openai_chat.ChatBody),
                example=example,
            ),
            gives.Endpoint(
                name="Anthropic messages",
                method="POST",
                endpoint=f"{self._url}/v1/messages",
                parameters=_schema(anthropic_messages.MessagesBody),
                example={**example, "max_tokens": 1000},
            ),
        ]


def _passes(row: gives.Model, given: takes.ModelsAsked) -> bool:
    words = given.search.lower().split()
    text = f"{row.id} {row.name} {row.description} {' '.join(row.aliases)}".lower()
    exact = (
        (given.feature, row.feature),
        (given.model_type, row.model_type),
        (given.model_subcategory, row.model_subcategory),
        (given.base_model, row.base_model),
        (given.provider, row.provider),
    )
    tags = {tag.strip().lower() for tag in given.tags.split(",") if tag.strip()}
    return (
        all(word in text for word in words)
        and all(not wanted or wanted.lower() == (has or "").lower() for wanted, has in exact)
        and tags <= set(row.tags)
    )


def _tags_of(model: Model) -> list[str]:
    assert model.price is not None
    tags = {word.lower() for word in (*model.capabilities, *model.input_modalities)}
    if model.open_weights:
        tags.add(OPEN_WEIGHTS)
    if model.price.free:
        tags.add(FREE)
    return sorted(tags)


def _tags(rows: Sequence[gives.Model]) -> list[str]:
    return sorted({tag for row in rows for tag in row.tags})


def _providers(rows: Sequence[gives.Model]) -> list[str]:
    return sorted({row.provider for row in rows})


def _rates(price: Price) -> gives.Rates:
    return gives.Rates(
        input=usd_per_million(price.input),
        output=usd_per_million(price.output),
        cache_read=usd_per_million(price.cache_read_rate),
        cache_write=usd_per_million(price.cache_write_rate),
        reasoning=usd_per_million(price.reasoning_rate),
    )


def _schema(shape: type) -> dict[str, Any]:
    """A body's JSON Schema with all that it refers to."""
    return {"$ref": _PLACE + shape.__name__, "$defs": schemas_of([shape], _PLACE)}
