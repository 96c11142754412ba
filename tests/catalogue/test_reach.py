"""A model's context is the smaller of its own and its route's, for whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenhouse.app import make_catalogue
from tokenhouse.config import load

ROWS = """
[catalogue]
shipped = false

[providers.small]
kind = "engine"
context = 2048

[providers.whole]
kind = "engine"

[[models]]
id = "acme/echo"
context_length = 8000
max_output_tokens = 4000
price = {{ input = "0.35", output = "0.56" }}
routes = [ {routes} ]
"""


@pytest.mark.parametrize(
    ("routes", "context", "answer"),
    [
        ('{ provider = "small" }', 2048, 2048),
        ('{ provider = "whole" }', 8000, 4000),
        ('{ provider = "small" }, { provider = "whole" }', 8000, 4000),
        ("", 8000, 4000),
    ],
)
def test_the_longest_route_bounds_the_context(
    tmp_path: Path, routes: str, context: int, answer: int
) -> None:
    settings = tmp_path / "tokenhouse.toml"
    settings.write_text(ROWS.format(routes=routes))
    config = load(settings, tmp_path, default_data_dir=tmp_path, environ={})
    catalogue = make_catalogue(config)
    model = catalogue.resolve("acme/echo")
    assert (model.context_length, model.max_output_tokens) == (context, answer)
    (row,) = catalogue.rows
    assert (row.context_length, row.top_provider.max_completion_tokens) == (context, answer)
    assert catalogue.offer("acme/echo").model is model
