"""The interpreter between the house and its engine: a conversation → token ids → events.

Prompts are tokenised here and sent as ids; the answer's text, calls and counts come back. What the
engine can't do is refused in the caller's words, what it can't do *now* is an UpstreamError that
names the mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tokenhouse.chat import Dialect, Request
from tokenhouse.engine import Engine, EngineError, Grammars, SchemaRefused
from tokenhouse.errors import CallerError, UpstreamError
from tokenhouse.providers.base import Call
from tokenhouse.providers.engine_attempt import CountDifferences, EngineAttempt
from tokenhouse.providers.engine_choice import Shape
from tokenhouse.providers.engine_forms import answer_form, check_form, schema_error
from tokenhouse.providers.engine_pictures import Prompt, check_images, prompt_of
from tokenhouse.providers.engine_prompts import EngineModel
from tokenhouse.providers.engine_start import LOAD_WAIT_S, begun
from tokenhouse.providers.engine_words import (
    LEAVES,
    check_sampling,
    echo_of,
    house_error,
    without_folders,
)
from tokenhouse.transport import Client
from tokenhouse.wire import OPENAI_NAME_MOST, asked_of

CHOICES_MAX: Final = 16
"""Most choices (``n``) one request may have here; they run one after another."""


class EngineProvider:
    """Provider kind ``engine``. ``failures``: models that cannot run, each with reason and mend.
    ``loop_guard``: tokens after which an answer that only repeats itself is ended; 0: never."""

    counts_here = True
    leaves = LEAVES
    speaks: Dialect | None = None

    def __init__(
        self,
        name: str,
        models: Mapping[str, EngineModel],
        *,
        client: Client,
        failures: Mapping[str, str] | None = None,
        load_wait_s: float = LOAD_WAIT_S,
        loop_guard: int = 0,
    ) -> None:
        self.differences = CountDifferences()
        self._name = name
        self._loop_guard = loop_guard
        self._models = models
        self._client = client
        self._load_wait_s = load_wait_s
        self._failures = failures or {}
        self._grammars = Grammars()

    @property
    def name(self) -> str:
        return self._name

    @property
    def engines(self) -> Mapping[str, Engine]:
        """Upstream model → its engine; those that can't run here have none."""
        return {name: model.engine for name, model in self._models.items()}

    def ready(self, upstream_model: str) -> bool:
        model = self._models.get(upstream_model)
        if model is None:
            return False
        return model.engine.state != "failed" or model.engine.may_retry

    def why_not(self, upstream_model: str) -> str | None:
        """Why this model can't answer and what mends it; None when it can."""
        model = self._models.get(upstream_model)
        if model is None:
            return self._failures.get(upstream_model, f"{upstream_model} has no weights here")
        failure = model.engine.failure
        return None if failure is None else without_folders(str(failure))

    def check(self, request: Request, upstream_model: str) -> None:
        if request.sizes.images:
            check_images(request, self._models.get(upstream_model))
        if request.n > CHOICES_MAX:
            raise CallerError(f"n may be at most {CHOICES_MAX} for this model.", param="n")
        model = self._models.get(upstream_model)
        if model is not None and "logit_bias" in request.fields:
            check_sampling(request.conversation().sampling, model.vocabulary)
        if model is not None and model.own is not None and request.has_tools:
            raise CallerError(
                "This model's prompts are written by its own template, which is not told of tools; leave "
                "them out.",
                param="tools",
                code="unsupported_content",
            )

    async def examine(self, call: Call) -> None:
        """Refuse schemas that the answer can't be held to: the engine itself would say nothing."""
        model = self._models.get(call.upstream_model)
        if model is not None:
            await self._shape(model, call)

    async def count(self, call: Call) -> int | None:
        model = self._models.get(call.upstream_model)
        if model is None:
            return None
        try:
            return len((await self._prompt(model, call)).ids)
        except EngineError as error:
            raise house_error(error) from error

    async def open(self, call: Call) -> EngineAttempt:
        model = self._models.get(call.upstream_model)
        if model is None:
            raise UpstreamError(
                f"{call.public_model} can't run here: {self.why_not(call.upstream_model)}.",
                status=503,
                code="model_not_ready",
            )
        engine = model.engine
        try:
            prompt = await self._prompt(model, call)
            shape = await self._shape(model, call)
            return await begun(
                engine,
                lambda: EngineAttempt(
                    self._client, model, call, prompt, shape, differences=self.differences
                ),
                self._load_wait_s,
            )
        except EngineError as error:
            raise house_error(error) from error

    async def _prompt(self, model: EngineModel, call: Call) -> Prompt:
        return await prompt_of(model, call, self._client, self._load_wait_s)

    async def _shape(self, model: EngineModel, call: Call) -> Shape:
        conversation = call.request.conversation()
        form = answer_form(conversation, args=model.form.args, call_id=model.form.call_id)
        asked = asked_of(conversation, name_most=OPENAI_NAME_MOST)
        plain = Shape(
            None,
            None,
            asked.stops,
            asked.names,
            alternatives=conversation.sampling.top_logprobs,
            echo=echo_of(conversation),
            loop_guard=self._loop_guard,
            tokens_tell=model.own is None,  # of other families no token means a call
            vocabulary=model.tekken if conversation.sampling.logprobs else None,
        )
        if form is None:
            return plain
        check_form(conversation)
        try:
            constraint = await self._grammars.of(form)
        except SchemaRefused as error:
            raise schema_error(error, call.request) from error
        except EngineError as error:
            raise house_error(error) from error
        return replace(plain, form=form, constraint=constraint)

    async def aclose(self) -> None:
        for model in self._models.values():
            await model.aclose()
