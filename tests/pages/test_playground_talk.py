"""What a visitor does with a conversation: edit, regenerate, tools, images, JSON, errors, code of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Page, expect

from tests.pages.test_snippets import execute
from tests.pages.visitors import play, say
from tests.parts import NODE_MODULES, node_package
from tests.snippets import Snippet
from tests.support import answers, replies
from tests.support.upstream import Upstream

WEATHER = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'
RUN_BY = {"Python": "python", "JavaScript": "javascript", "cURL": "bash", "PHP": "php"}
PASTE = """async ([type]) => {
  const canvas = new OffscreenCanvas(2, 2);
  canvas.getContext("2d").fillRect(0, 0, 2, 2);
  const file = new File([await canvas.convertToBlob({ type: "image/png" })], "dot.png",
    { type: "image/png" });
  const data = new DataTransfer();
  data.items.add(file);
  const words = { bubbles: true, cancelable: true };
  const event = type === "paste"
    ? new ClipboardEvent("paste", { ...words, clipboardData: data })
    : new DragEvent("drop", { ...words, dataTransfer: data });
  document.getElementById("pg-message").dispatchEvent(event);
}"""


def asked(up: Upstream) -> dict[str, Any]:
    """The body that arrived last."""
    return cast("dict[str, Any]", up.requests[-1].json)


def heard(up: Upstream) -> list[tuple[str, object]]:
    """The roles and contents that arrived last."""
    return [(each["role"], each["content"]) for each in asked(up)["messages"]]


async def test_words_are_edited_and_answers_regenerated(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        log = page.get_by_role("log")
        up.script(answers.said("first"), answers.said("second"), answers.said("third"))
        await say(page, "One")
        await expect(log.get_by_text("first", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Regenerate").click()
        await expect(log.get_by_text("second")).to_be_visible()
        await expect(log.get_by_text("first", exact=True)).to_have_count(0)
        assert heard(up) == [("user", "One")]
        await page.get_by_role("button", name="Edit").click()
        await page.get_by_label("Your words").fill("Two")
        await page.get_by_role("button", name="Save and ask again").click()
        await expect(log.get_by_text("third")).to_be_visible()
        assert heard(up) == [("user", "Two")]
        up.script(answers.said("fourth"), answers.said("fifth"))
        await say(page, "And now?")
        await expect(log.get_by_text("fourth")).to_be_visible()
        assert heard(up) == [("user", "Two"), ("assistant", "third"), ("user", "And now?")]
        await page.keyboard.press("Alt+r")
        await expect(log.get_by_text("fifth")).to_be_visible()
        assert len(heard(up)) == 3
        assert visit.wrong == []
        await running.clean()


async def test_a_tool_is_defined_called_and_answered(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        log = page.get_by_role("log")
        await page.get_by_role("button", name="Add a tool").click()
        await page.get_by_label("Tool name").fill("get_weather")
        await page.get_by_label("What it does").fill("Tells the weather")
        await page.get_by_label("Parameters (JSON schema)").fill(WEATHER)
        await page.get_by_label("Tool choice").select_option("required")
        call = answers.call(0, id="call_7", name="get_weather", arguments='{"city":')
        rest = answers.call(0, arguments=' "Bern"}')
        up.script(
            replies.stream([answers.role(), call, rest, answers.end("tool_calls")]),
            answers.said("It rains in Bern."),
        )
        await say(page, "Weather?")
        await log.get_by_label("Result of get_weather").fill("rain")
        assert asked(up)["tool_choice"] == "required"
        assert asked(up)["tools"][0]["function"] == {
            "name": "get_weather",
            "description": "Tells the weather",
            "parameters": json.loads(WEATHER),
        }
        await expect(log.get_by_text('"city": "Bern"')).to_be_visible()
        await page.get_by_role("button", name="Give the result").click()
        await expect(log.get_by_text("It rains in Bern.")).to_be_visible()
        calls, result = asked(up)["messages"][1:]
        assert calls["tool_calls"][0]["function"]["name"] == "get_weather"
        assert json.loads(calls["tool_calls"][0]["function"]["arguments"]) == {"city": "Bern"}
        assert (result["role"], result["content"]) == ("tool", "rain")
        assert result["tool_call_id"] == calls["tool_calls"][0]["id"]
        assert visit.wrong == []
        await running.clean()


@pytest.mark.parametrize("way", ["paste", "drop"])
async def test_an_image_goes_along(tmp_path: Path, way: str) -> None:
    async with play(tmp_path) as (visit, _, up):
        page = visit.page
        await page.evaluate(PASTE, [way])
        await expect(page.get_by_alt_text("Image 1")).to_be_visible()
        await expect(page.get_by_text("with the longest answer")).to_be_visible()
        up.script(answers.said("A dot."))
        await say(page, "What is it?")
        await expect(page.get_by_role("log").get_by_text("A dot.")).to_be_visible()
        text, picture = cast("list[Mapping[str, Any]]", heard(up)[0][1])
        assert text["text"] == "What is it?"
        assert picture["image_url"]["url"].startswith("data:image/png;base64,")
        assert visit.wrong == []


async def test_settings_are_sent_as_they_stand(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, _, up):
        page = visit.page
        await page.get_by_label("System prompt").fill("Be brief.")
        await page.get_by_label("Temperature").fill("0.2")
        await page.get_by_label("Top p").fill("")
        await page.get_by_label("Answer as").select_option("json_schema")
        await page.get_by_text("More sampling").click()
        await page.get_by_label("Seed").fill("7")
        await page.get_by_label("Stop at (a text per line)").fill("END\nHALT")
        up.script(answers.said('{"answer": "x"}'), answers.said("y"))
        await say(page, "Go")
        await expect(page.get_by_text("Receipt")).to_be_visible()
        body = asked(up)
        assert heard(up) == [("system", "Be brief."), ("user", "Go")]
        assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.2, 7, 1000)
        assert "top_p" not in body
        assert body["stop"] == ["END", "HALT"]
        assert body["response_format"]["json_schema"]["schema"]["required"] == ["answer"]
        await page.get_by_role("button", name="Model’s own defaults").click()
        await say(page, "More")
        await expect(page.get_by_text("Receipt")).to_have_count(2)
        assert not {"temperature", "seed", "stop"} & set(asked(up))
        await page.get_by_label("Temperature").fill("9")
        await say(page, "Hot")
        await expect(page.get_by_role("alert")).to_contain_text("Temperature")
        assert len(up.requests) == 2
        assert visit.wrong == []


@pytest.mark.parametrize(
    ("status", "words"), [(429, "Wait 7 s"), (503, "It may be back"), (402, "add credit")]
)
async def test_a_refusal_says_what_to_do(tmp_path: Path, status: int, words: str) -> None:
    async with play(tmp_path) as (visit, _, up):
        page = visit.page
        refusal = {"error": {"message": "No, not now.", "code": "x"}}

        async def refuse(route: Any) -> None:
            headers = {"retry-after": "7"}
            await route.fulfill(status=status, json=refusal, headers=headers)

        await page.route("**/v1/chat/completions", refuse)
        await say(page, "Hello")
        box = page.get_by_role("log").get_by_role("alert")
        await expect(box).to_contain_text("No, not now.")
        await expect(box).to_contain_text(words)
        await page.unroute("**/v1/chat/completions")
        up.script(answers.said("Now then."))
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("log").get_by_text("Now then.")).to_be_visible()
        assert heard(up) == [("user", "Hello")]


async def test_a_wrong_key_and_no_key_are_told_at_the_field(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, _, up):
        page = visit.page
        key = page.get_by_label("API key", exact=True)
        await page.get_by_role("button", name="Forget").click()
        assert await page.evaluate("localStorage.getItem('tokenhouse.key')") is None
        await say(page, "Hello")
        await expect(page.get_by_text("Put your API key into the field")).to_be_visible()
        await expect(key).to_be_focused()
        await key.fill("sk-th-wrong")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_text("Put a valid key into the field above.")).to_be_visible()
        await expect(key).to_be_focused()
        assert up.requests == []


async def test_an_answer_that_breaks_off_says_so_and_keeps_what_came(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        log = visit.page.get_by_role("log")
        up.script(replies.error_in_stream([answers.role(), answers.text("Half ")]))
        await say(visit.page, "Hello")
        await expect(log.get_by_text("Half")).to_be_visible()
        await expect(log.get_by_role("alert")).to_be_visible()
        await expect(log.locator(".pg-receipt")).to_contain_text("out · $")
        await running.until_no_hold()


async def test_conversations_are_kept_renamed_and_deleted(tmp_path: Path) -> None:
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        await page.set_viewport_size({"width": 1440, "height": 900})
        log, past = page.get_by_role("log"), page.get_by_role("navigation", name="Conversations")
        up.always(answers.said("Yes."))
        await say(page, "Older")
        await expect(log.get_by_text("Yes.")).to_be_visible()
        await page.keyboard.press("Alt+n")
        await expect(log.get_by_text("Begin with one of these")).to_be_visible()
        await say(page, "Newer")
        await expect(log.get_by_text("Yes.")).to_be_visible()
        await past.get_by_role("button", name="Rename Older").focus()
        await page.keyboard.press("Enter")
        await page.get_by_label("New name").fill("Elder")
        await page.keyboard.press("Enter")
        elder = past.get_by_role("button", name="Elder", exact=True)
        await expect(elder).to_be_visible()  # it is kept by then
        await page.reload()
        await expect(log.get_by_text("Newer")).to_be_visible()
        await elder.click()
        await expect(log.get_by_text("Older")).to_be_visible()
        delete = past.get_by_role("button", name="Delete Newer")
        await delete.focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(past.get_by_text("Newer")).to_have_count(0)
        await page.reload()
        await expect(past.get_by_role("listitem")).to_have_count(1)
        stored = await page.evaluate("JSON.stringify(localStorage) + location.href")
        assert stored.count(running.key) == 1  # the key, and no address
        assert visit.wrong == []


async def code_of(page: Page, language: str) -> str:
    await page.get_by_role("tab", name=language).click()
    panel = page.get_by_role("tabpanel", name=language)
    return await panel.locator("pre").inner_text()


async def test_the_code_of_a_conversation_asks_the_same(tmp_path: Path) -> None:
    node_package("openai")
    async with play(tmp_path) as (visit, running, up):
        page = visit.page
        words = 'It\'s "said" \\ $HOME `x` – é 😀\nsecond line'
        up.script(answers.said("Fine."))
        await say(page, words)
        await expect(page.get_by_role("log").get_by_text("Fine.")).to_be_visible()
        await page.get_by_role("button", name="Add a tool").click()
        await page.get_by_label("Tool name").fill("look")
        await page.get_by_text("More sampling").click()
        await page.get_by_label("Top k").fill("40")
        await page.get_by_label("Message", exact=True).fill("Again, it's me")
        await page.get_by_role("button", name="View code").click()
        codes = {
            name: await code_of(page, name) for name in ("Python", "JavaScript", "cURL", "PHP")
        }
        for code in codes.values():
            assert running.key not in code
            assert "YOUR_API_KEY" in code
        (tmp_path / "node_modules").symlink_to(NODE_MODULES, target_is_directory=True)
        for number, (language, code) in enumerate(codes.items()):
            up.script(answers.said("Done."))
            snippet = Snippet(RUN_BY[language], (), code, number)
            assert "Done." in await execute(snippet, running, tmp_path, f"code{number}"), language
            body = asked(up)
            assert heard(up) == [
                ("user", words),
                ("assistant", "Fine."),
                ("user", "Again, it's me"),
            ]
            assert (body["temperature"], body["top_k"]) == (0.7, 40)
            assert body["tools"][0]["function"]["name"] == "look"
        assert visit.wrong == []
