"""The guide's worked example of the control plane runs as it is printed."""

from __future__ import annotations

from pathlib import Path

from tests.access.people_house import WORDS
from tests.api.control.members import town
from tests.pages.test_snippets import run
from tests.parts import program
from tests.snippets import snippets
from tokenhouse.access import Role


async def test_an_agent_can_follow_the_guide_from_signing_in_to_its_balance(
    tmp_path: Path,
) -> None:
    program("curl", "curl")
    async with town(tmp_path / "house") as it:
        owner = await it.join(it.running.account.id, Role.OWNER)
        page = tmp_path / "page.md"
        page.write_text((await it.client.get("/docs.md")).text)
        (example,) = [each.text for each in snippets(page) if "YOUR_PASSWORD" in each.text]
        code = example.replace("YOUR_EMAIL", owner.signed.person.email)
        said = await run(["bash", "-ec", code.replace("YOUR_PASSWORD", WORDS)], tmp_path)
        assert "You said: Hello!" in said or '"choices"' in said, said
        assert '"balance":' in said
        assert '"status":"finished"' in said
        assert "agent" in [key["name"] for key in await owner.get("/api-keys")]
        assert "/api/agents/v1" in (await it.client.get("/llms.txt")).text
        reference = (await it.client.get("/docs/api")).text
        assert "/api/agents/v1/wallet/coupons/redeem" in reference
        await it.running.until_no_hold()
