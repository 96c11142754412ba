"""Messages bodies → conversations: turns, results, thoughts, documents, late system messages."""

from __future__ import annotations

from tests.wire.anthropic_bodies import (
    IMAGE,
    RESULT,
    TOOL,
    USE,
    USER,
    Json,
    body,
    messages_of,
    refused,
    said,
)
from tokenhouse.chat import (
    Call,
    CallPart,
    DocumentPart,
    ImagePart,
    Message,
    ReasoningPart,
    RedactedPart,
    ResultPart,
    TextPart,
    ToolReferencePart,
)
from tokenhouse.wire.anthropic_messages import parse


def test_a_late_system_message_stays_where_it_is() -> None:
    """gateways.md rows 12 and 13: accepted, and not moved, so that the prefix stays as it was."""
    late: Json = {"role": "system", "content": [{"type": "text", "text": "# Environment"}]}
    answer: Json = {"role": "assistant", "content": "Hi"}
    first = messages_of(USER, late, system="Top.")
    assert [message.role for message in first] == ["system", "user", "system"]
    later = messages_of(
        USER, late, answer, USER, {"role": "system", "content": "Now"}, system="Top."
    )
    assert later[: len(first)] == first
    assert [message.role for message in later[3:]] == ["assistant", "user", "system"]
    assert parse(body(USER, late)).has_system


def test_a_system_message_that_is_cleared_is_not_shown_again() -> None:
    late: Json = {"role": "system", "content": "Once", "clear_at": "next_user_message"}
    answer: Json = {"role": "assistant", "content": "Hi"}
    assert messages_of(USER, late)[1] == Message("system", (TextPart("Once"),))
    assert [m.role for m in messages_of(USER, late, answer, USER)] == ["user", "assistant", "user"]


def test_the_nonce_block_is_no_part_of_the_conversation() -> None:
    """gateways.md row 14: it changes each request and would spoil every prompt cache."""
    nonce: Json = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=9f;"}
    prompt: Json = {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}
    assert messages_of(USER, system=[nonce, prompt])[0] == Message(
        "system", (TextPart("Be kind.", "5m"),)
    )
    assert messages_of(USER, system=[nonce])[0].role == "user"


def test_results_come_before_what_is_said_beside_them() -> None:
    image: Json = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"},
    }
    second = RESULT | {
        "tool_use_id": "toolu_2",
        "is_error": True,
        "content": [{"type": "text", "text": "no"}, image],
    }
    messages = messages_of(
        USER,
        said({"type": "text", "text": "Well"}, USE, USE | {"id": "toolu_2"}, role="assistant"),
        said(RESULT, second, {"type": "text", "text": "Go on"}),
        tools=[TOOL],
    )
    assert messages[1].parts == (
        TextPart("Well"),
        CallPart(Call("toolu_1", "f", '{"a":1}')),
        CallPart(Call("toolu_2", "f", '{"a":1}')),
    )
    picture = ImagePart("data:image/png;base64,QUJD")
    assert messages[2:] == (
        Message("tool", (ResultPart("toolu_1", (TextPart("one"),)),)),
        Message("tool", (ResultPart("toolu_2", (TextPart("no"), picture), is_error=True),)),
        Message("user", (TextPart("Go on"),)),
    )


def test_a_result_needs_its_use_and_a_use_its_result() -> None:
    error = refused(body(USER, said(RESULT)))
    assert error.param == "messages.1.content.0"
    assert "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1." in str(error)
    error = refused(body(USER, said(USE, role="assistant"), USER, tools=[TOOL]))
    assert str(error).startswith(
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: "
        "toolu_1."
    )


def test_thoughts_keep_their_signatures_and_seals() -> None:
    """gateways.md row 18: what an endpoint signed goes back to it verbatim."""
    thought: Json = {"type": "thinking", "thinking": "Hm", "signature": "EqQB=="}
    sealed: Json = {"type": "redacted_thinking", "data": "c2VjcmV0"}
    text: Json = {"type": "text", "text": "So"}
    message = messages_of(USER, said(thought, sealed, text, role="assistant"), USER)[1]
    assert message.parts == (
        ReasoningPart("Hm", "EqQB=="),
        RedactedPart("c2VjcmV0"),
        TextPart("So"),
    )
    unsigned = thought | {"signature": ""}
    message = messages_of(USER, said(unsigned, text, role="assistant"), USER)[1]
    assert message.parts[0] == ReasoningPart("Hm")


def test_a_last_assistant_message_is_continued() -> None:
    conversation = parse(body(USER, {"role": "assistant", "content": "One, two"})).conversation()
    assert conversation.continue_last
    assert not parse(body()).conversation().continue_last


def test_a_tool_reference_is_understood() -> None:
    reference: Json = {"type": "tool_reference", "tool_name": "g"}
    messages = messages_of(
        USER, said(USE, role="assistant"), said(RESULT | {"content": [reference]}), tools=[TOOL]
    )
    assert messages[2].parts == (ResultPart("toolu_1", (ToolReferencePart("g"),)),)


def test_documents_are_understood_and_bound_by_the_context_alone() -> None:
    pdf: Json = {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}
    text: Json = {"type": "text", "media_type": "text/plain", "data": "Once"}
    request = parse(
        body(
            said(
                {"type": "document", "source": pdf, "title": "T"},
                {"type": "document", "source": text},
                {"type": "document", "source": {"type": "content", "content": "Plain"}},
            )
        )
    )
    assert request.conversation().messages[0].parts == (
        DocumentPart("data:application/pdf;base64,QUJD", None, "T"),
        DocumentPart(None, "Once"),
        TextPart("Plain"),
    )
    assert request.sizes.text_bytes > 2**32


def test_images_are_counted_wherever_they_stand_and_their_base64_is_no_text() -> None:
    """gateways.md row 30: images count by the model's rule, never as text."""
    data = "QUJD" * 1000
    inline: Json = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": data},
    }
    request = parse(
        body(
            said(IMAGE, inline),
            said(USE, role="assistant"),
            said(RESULT | {"content": [inline, IMAGE]}),
        )
    )
    assert request.sizes.images == 4
    assert request.sizes.text_bytes < 1000
