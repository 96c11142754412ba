"""The prompt format against mistral-common, which is the reference for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.protocol.instruct.chunk import ImageChunk
from mistral_common.protocol.instruct.messages import (
    AssistantMessage,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from mistral_common.protocol.instruct.normalize import get_normalizer
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.protocol.instruct.tool_calls import Function, FunctionCall, Tool, ToolCall
from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
from mistral_common.tokens.tokenizers.base import TokenizerVersion
from mistral_common.tokens.tokenizers.image import (
    ImageConfig,
    ImageEncoder,
    ImageEncoding,
    SpecialImageIDs,
)
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from PIL import Image

from tests.engine.tiny import write_tekken
from tokenhouse.engine import (
    BadConversation,
    Call,
    Conversation,
    Format,
    Picture,
    Tekken,
    ToolSpec,
    Turn,
    WeightsError,
    format_of,
    read_header,
    v7_pieces,
)

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "Hello, how are you?", "trailing   ", "[INST]", "</s>[/INST]", "<s>",
         "[TOOL_CALLS][{", "[SYSTEM_PROMPT]x[/SYSTEM_PROMPT]", "नमस्ते", "🙂‍↕️", "\n\n", "a\r\nb", "  x"]
    ),
)  # fmt: skip
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=8)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
ARGUMENTS = st.one_of(
    st.dictionaries(st.text(max_size=5), JSONS, max_size=3).map(json.dumps),
    st.dictionaries(st.text(max_size=5), JSONS, max_size=3).map(
        lambda d: json.dumps(d, ensure_ascii=False, indent=1)
    ),
    st.sampled_from(["", "{}", "not json", "[1, 2]", '"text"', '{"a": 1, "a": 2}', "NaN", "{"]),
)
TOOLS = st.lists(
    st.builds(
        ToolSpec,
        NAMES,
        st.dictionaries(st.text(max_size=6), JSONS, max_size=3),
        st.text(max_size=20),
    ),
    max_size=3,
).map(tuple)
RESULTS = st.sampled_from(["", "{}", '{"a": [1, null]}', "[1]", "3.50", '"é"', "NaN", "[", "1e400"])
IDS = st.from_regex(r"[a-zA-Z0-9]{9}", fullmatch=True)
PICTURES = st.builds(Picture, st.integers(1, 55), st.integers(1, 55), st.just(b""))
PICTURE = Picture(1, 1, b"")


VERSIONS = ("v3", "v7", "v11", "v13")


@st.composite
def conversations(draw: st.DrawFn, version: str = "v7") -> Conversation:
    """What mistral-common's own validator lets through, with ids that it lets through."""
    turns: list[Turn] = []
    parts = TEXTS | st.lists(TEXTS, max_size=3).map(tuple)
    seen = parts | st.lists(TEXTS | PICTURES, max_size=4).map(tuple)
    turns += [Turn("system", draw(parts)) for _ in range(draw(st.integers(0, 2)))]
    for _ in range(draw(st.integers(1, 3))):
        turns += [Turn("user", draw(seen)) for _ in range(draw(st.integers(1, 2)))]
        if draw(st.booleans()):
            if draw(st.booleans()):
                turns += [Turn("system", draw(parts)), Turn("user", draw(parts))]
            continue
        turns += _assistant(draw, parts, version)
    ends = turns[-1].role
    if ends == "assistant":
        if draw(st.booleans()):
            return Conversation(tuple(turns), draw(TOOLS), continue_last=True)
        turns.append(Turn("user", draw(seen)))
    return Conversation(tuple(turns), draw(TOOLS))


def _assistant(draw: st.DrawFn, parts: st.SearchStrategy[Any], version: str) -> list[Turn]:
    """v3 has no place for text and calls in one message; from v11 on results may come in any order."""
    filled = TEXTS.filter(lambda text: text != "")
    told = [Turn("assistant", draw(filled)) for _ in range(draw(st.integers(0, 2)))]
    if told and not draw(st.booleans()):
        return told
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    calls = tuple(Call(i, draw(NAMES), draw(ARGUMENTS)) for i in ids)
    turns = [] if version == "v3" else told
    turns.append(Turn("assistant", "" if version == "v3" else draw(TEXTS), calls))
    results = draw(st.permutations(ids)) if version in ("v11", "v13") else ids
    turns += [Turn("tool", draw(parts | RESULTS), call_id=i) for i in results]
    if draw(st.booleans()):
        turns.append(Turn("assistant", draw(filled)))
    return turns


def reference(conversation: Conversation, tekken_file: Path, version: str) -> list[int]:
    request: Any = ChatCompletionRequest(
        model="m",
        messages=[_message(conversation, i) for i in range(len(conversation.turns))],
        tools=[
            Tool(function=Function(name=t.name, description=t.description, parameters=dict(t.parameters)))
            for t in conversation.tools
        ] or None,
    )  # fmt: skip
    asked = TokenizerVersion(version)
    get_validator(asked, ValidationMode.serving).validate_messages(request.messages)
    normalised = get_normalizer(asked, None).from_chat_completion_request(request)
    return _instruct(tekken_file).encode_instruct(normalised).tokens


_loaded: dict[Path, Any] = {}


def _instruct(path: Path) -> Any:
    if path not in _loaded:
        config = ImageConfig(image_patch_size=14, max_image_size=1540, spatial_merge_size=2)
        eyes = _Grid(config, SpecialImageIDs(img=10, img_break=12, img_end=13))
        _loaded[path] = MistralTokenizer.from_file(path).instruct_tokenizer
        _loaded[path].image_encoder = eyes
    return _loaded[path]


class _Grid(ImageEncoder):
    """The reference's ids of an image, without its pixels (they would need another library)."""

    def __call__(self, content: Any) -> ImageEncoding:
        across, down = self._image_to_num_tokens(content.image)
        ids = ([10] * across + [12]) * down
        return ImageEncoding(tokens=[*ids[:-1], 13], image=np.zeros(1))


def _chunk(part: str | Picture) -> Any:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return ImageChunk(image=Image.new("RGB", (part.columns * 28, part.rows * 28)))


def _message(conversation: Conversation, index: int) -> Any:
    turn = conversation.turns[index]
    content: Any = turn.text if isinstance(turn.text, str) else [_chunk(part) for part in turn.text]
    match turn.role:
        case "system":
            return SystemMessage(content=content)
        case "user":
            return UserMessage(content=content)
        case "tool":
            return ToolMessage(content=content, tool_call_id=turn.call_id)
        case "assistant":
            last = index == len(conversation.turns) - 1
            calls = [
                ToolCall(id=c.id, function=FunctionCall(name=c.name, arguments=c.arguments))
                for c in turn.calls
            ]
            return AssistantMessage(
                content=content,
                tool_calls=calls or None,
                prefix=last and conversation.continue_last,
            )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tekken.json of each version."""
    directory = tmp_path_factory.mktemp("versions")
    return {v: write_tekken(directory / f"tekken_{v}.json", version=v) for v in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_conversation_gets_the_ids_that_the_reference_gives_it(
    version: str, files: dict[str, Path]
) -> None:
    tekken = Tekken.from_file(files[version])
    form = format_of(tekken)
    assert form.version == version

    @settings(max_examples=250, deadline=None)
    @given(conversation=conversations(version))
    def held(conversation: Conversation) -> None:
        ours = tekken.encode_pieces(form.pieces(conversation))
        assert ours == reference(conversation, files[version], version)

    held()


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_no_text_becomes_a_control_token(text: str, tekken: Tekken) -> None:
    assert all(i >= tekken.n_special for i in tekken.encode(text))
    assert tekken.decode(tekken.encode(text)) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )


def test_the_golden_vector_of_mistral_small_is_met(tmp_path: Path) -> None:
    whole = Tekken.from_file(write_tekken(tmp_path / "tekken.json", 131_072))
    pieces = v7_pieces(Conversation((Turn("user", "Hello, how are you?"),)))
    expected = [1, 3, 22177, 1044, 2606, 1584, 1636, 1063, 4]
    assert whole.encode_pieces(pieces) == expected


def pieces_of(*turns: Turn, tools: tuple[ToolSpec, ...] = ()) -> list[int | str]:
    return v7_pieces(Conversation(turns, tools))


def call_turns(*ids: str) -> list[Turn]:
    return [Turn("assistant", calls=(Call(i, "f", "{}"),)) for i in ids]


def test_call_ids_of_any_client_become_nine_letters_and_stay_the_same() -> None:
    ids = ["call_abcdefghi", "toolu_01AbC", "x", "call_0", "9" * 40, "abcdefghi"]
    turns: list[Turn] = [Turn("user", "go")]
    for i in ids:
        turns += [Turn("assistant", calls=(Call(i, "f", "{}"),)), Turn("tool", "r", call_id=i)]
    pieces = v7_pieces(Conversation(tuple(turns)))
    made = [pieces[i + 1] for i, piece in enumerate(pieces) if piece == 7]
    assert made[0] == "abcdefghi"
    assert len(set(made)) == len(ids), "two calls must not share an id"
    assert all(isinstance(i, str) and len(i) == 9 and i.isalnum() for i in made)
    shorter = v7_pieces(Conversation(tuple(turns[:5])))
    assert pieces[: len(shorter)] == shorter, "a longer conversation must keep its prefix"
    calls = [json.loads(p)[0]["id"] for p in pieces if isinstance(p, str) and p.startswith("[{")]
    assert calls == made


@pytest.mark.parametrize(
    ("turns", "index", "word"),
    [
        ([], None, "at least one"),
        ([Turn("assistant", "hi")], 0, "starts with"),
        ([Turn("user", "a"), Turn("tool", "r", call_id="x")], 1, "cannot follow"),
        ([Turn("user", "a"), *call_turns("x"), Turn("user", "b")], 1, "no result"),
        ([Turn("user", "a"), *call_turns("x")], 1, "no result"),
        (
            [Turn("user", "a"), *call_turns("x"), Turn("tool", "r", call_id="y")],
            2,
            "no tool call 'y'",
        ),
        (
            [Turn("user", "a"), *call_turns("x"), *[Turn("tool", "r", call_id="x")] * 2],
            3,
            "no tool call 'x'",
        ),
        ([Turn("user", "a"), *call_turns("x"), Turn("tool", "r")], 2, "needs its tool_call_id"),
        ([Turn("user", "a"), *call_turns("x", "x")], 2, "used twice"),
        ([Turn("user", "a"), Turn("assistant", ("", "")), Turn("user", "b")], 1, "needs content"),
        ([Turn("user", "a"), Turn("assistant", "b"), Turn("system", "c")], 2, "cannot follow"),
        ([Turn("user", "a"), Turn("assistant", "b")], 1, "last message"),
        ([Turn("system", (PICTURE,)), Turn("user", "a")], 0, "cannot hold images"),
        (
            [Turn("user", "a"), *call_turns("x"), Turn("tool", (PICTURE,), call_id="x")],
            2,
            "cannot hold images",
        ),
        (
            [Turn("user", "a"), Turn("assistant", calls=(Call("x", "a b", "{}"),))],
            1,
            "must match",
        ),
    ],
)
def test_a_bad_conversation_is_refused_naming_its_message(
    turns: list[Turn], index: int | None, word: str
) -> None:
    with pytest.raises(BadConversation, match=word) as caught:
        pieces_of(*turns)
    assert caught.value.index == index
    if index is not None:
        assert str(caught.value).startswith(f"messages[{index}]: ")


def test_only_the_assistants_last_turn_can_be_continued() -> None:
    with pytest.raises(BadConversation, match="continued"):
        v7_pieces(Conversation((Turn("user", "a"),), continue_last=True))


def test_a_bad_tool_name_and_a_bottomless_schema_are_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"items": deep}
    for tool in (ToolSpec("a b", {}), ToolSpec("f", deep)):
        with pytest.raises(BadConversation):
            pieces_of(Turn("user", "a"), tools=(tool,))
    while deep:  # taken apart by hand: to free it in one go would overflow
        deep = deep["items"]  # type: ignore[assignment]


def test_a_tokenizer_of_no_known_version_or_without_its_control_tokens_is_refused(
    tekken: Tekken, tmp_path: Path
) -> None:
    newer = Tekken.from_file(write_tekken(tmp_path / "tekken.json", version="v15"))
    with pytest.raises(
        WeightsError, match="is Tekken v15, and this engine speaks v3, v7, v11, v13"
    ):
        format_of(newer)
    with pytest.raises(WeightsError, match=r"is no Tekken v11: it has no \[ARGS\], \[CALL_ID\]"):
        format_of(tekken, version="v11")
    assert format_of(tekken, version="v3").version == "v3"


def test_a_text_before_calls_is_told_in_v3_as_in_v7() -> None:
    turns = (
        Turn("user", "go"),
        Turn("assistant", "well", (Call("abcdefghi", "f", "{}"),)),
        Turn("tool", "seen", call_id="abcdefghi"),
    )
    told = Format("v3").pieces(Conversation(turns))
    assert told[:7] == v7_pieces(Conversation(turns))[:7] == [1, 3, "go", 4, "well", 9, told[6]]
    assert told[8:] == [7, '{"content": "seen", "call_id": "abcdefghi"}', 8]


def test_a_tokenizer_of_another_size_than_the_weights_is_refused(
    tekken: Tekken, weights: Path, tmp_path: Path
) -> None:
    header = read_header(weights)
    format_of(tekken, header)
    other = Tekken.from_file(write_tekken(tmp_path / "tekken.json", 4096))
    with pytest.raises(WeightsError, match="has 8192 tokens and its tokenizer 4096"):
        format_of(other, header)
