"""Messages and events are values: equal by content, frozen, hashable."""

from __future__ import annotations

import pytest

from tokenhouse.chat import (
    Call,
    CallPart,
    Conversation,
    Finished,
    ImagePart,
    Message,
    Passed,
    Sampling,
    TextDelta,
    TextPart,
    Tool,
    Usage,
)


def test_equal_content_is_equal() -> None:
    def message() -> Message:
        return Message("user", (TextPart("a"), ImagePart("https://example.org/a.png")))

    assert message() == message()
    assert hash(message()) == hash(message())
    assert Conversation(messages=(message(),)) == Conversation(messages=(message(),))
    assert TextDelta("a") != TextDelta("a", 1)
    assert Finished(Usage(input=1)) == Finished(Usage(input=1))
    assert Sampling() == Sampling(temperature=None)


@pytest.mark.parametrize(
    "value", [TextPart("a"), Passed(b"x"), Tool("f"), Message("user", ()), Finished()]
)
def test_no_value_can_be_changed(value: object) -> None:
    with pytest.raises(AttributeError):
        value.text = "b"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_text_of_a_message_is_its_text_parts() -> None:
    call = CallPart(Call("id", "f", "{}"))
    assert Message("assistant", (TextPart("a"), call, TextPart("b"))).text == "ab"
