"""What people may in an account that is suspended: look, and leave."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.pages.guests import hosting
from tokenhouse.access import check_account_name
from tokenhouse.errors import CallerError


async def test_in_a_suspended_account_nothing_is_changed_by_page_or_by_token(
    tmp_path: Path,
) -> None:
    async with hosting(tmp_path) as hosted:
        ada = hosted.guest()
        await ada.join("ada@example.org", "Ada")
        account, house = await ada.account(), hosted.running.house
        (me,) = await house.people.members(account)
        token = await house.people.create_token(me.person.id, account, "cron")
        await house.desk.change_state("cli:root", account, "suspended", "chargeback")
        page = await ada.get("/dashboard/members")
        assert "This account is suspended." in page.text
        assert ">Invite<" not in page.text
        posts = {"email": "bob@example.org", "role": "viewer", "code": "TH-1", "name": "x"}
        for path in ("members/invite", "members/withdraw", "wallet/redeem", "api-keys"):
            answer = await ada.send("/dashboard/members", f"/dashboard/{path}", **posts)
            assert answer.status_code == 403, path
            assert "account is suspended" in answer.text
        headers = {"authorization": f"Bearer {token}"}
        base = f"{hosted.running.url}/api/agents/v1"
        async with httpx.AsyncClient(base_url=base, headers=headers) as client:
            assert (await client.get("/api-keys")).status_code == 200
            for path in ("/api-keys", "/teams", "/wallet/coupons/redeem"):
                answer = await client.post(path, json=posts)
                assert answer.status_code == 403, path
                assert answer.json()["error"]["code"] == "account_suspended"
        assert await house.people.invitations(account) == ()
        assert await house.billing.keys(account) == ()


@pytest.mark.parametrize("name", ["\u200b\u200b", "\u202elab", "lab\u00ad", "\ufeff", "\u0301"])
def test_a_name_is_all_to_be_seen(name: str) -> None:
    with pytest.raises(CallerError):
        check_account_name(name)
    check_account_name("می\u200cخواهم 👩\u200d💻")
