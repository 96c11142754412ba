"""API keys: made, listed, changed, rotated, revoked. A secret is shown once, in the answer that made it.

Forms can be sent twice (a reload, a double click) and happen once: the form for a new key carries the
id that the key will have, the form that rotates one carries the hint of the secret it replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tokenhouse import ids
from tokenhouse.access import Key, KeyLimits, Right
from tokenhouse.billing import KeyUse
from tokenhouse.errors import CallerError
from tokenhouse.pages.dashboard.clerk import Clerk, Deed, Looking, page
from tokenhouse.pages.dashboard.forms import (
    OVERLAPS,
    change_of,
    form_of,
    key_form,
    made_of,
    overlap_ms,
)
from tokenhouse.pages.session import Form
from tokenhouse.pages.shown import Shown, Words
from tokenhouse.pages.snippets import quick_lines

ACTS_READ = 1000
ROWS = 40


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as the list shows it; ``use`` None: it was never used."""

    key: Key
    state: str
    use: KeyUse | None
    by: str

    @property
    def label(self) -> str:
        return self.key.name or f"sk-th-…{self.key.hint}"


async def listing(
    clerk: Clerk, looking: Looking, deed: Deed | None = None, *, number: str = ""
) -> Shown:
    """Keys, those that work first, by the page, and the form for a new one."""
    deed = deed or Deed()
    rows = await _rows(clerk, looking)
    pages = max(1, -(-len(rows) // ROWS))
    at = _number(number, pages)
    once = deed.typed.get("once")
    words: Words = {
        "rows": rows[(at - 1) * ROWS : at * ROWS],
        "total": len(rows),
        "at": at,
        "pages": pages,
        "deed": deed,
        "form": key_form(deed.typed),
        "once": once if ids.is_id(ids.KEY, once) else ids.new(ids.KEY, clerk.clock.now_ms()),
        "models": clerk.offered(),
        "open": deed.error is not None or not any(row.state == "live" for row in rows),
    }
    return page("keys", "keys", words, status=deed.status)


async def create(clerk: Clerk, looking: Looking, typed: Form) -> Shown:
    """Make the key that the form describes; the page has its secret."""
    looking.must(Right.KEYS)
    form, id = key_form(typed), typed.get("once")
    try:
        change = change_of(form, clerk.catalogue(), clerk.clock.now_ms(), old=None)
        expires_ms, limits = made_of(change)
        made = await clerk.billing.create_key(
            looking.account,
            form.name,
            expires_ms=expires_ms,
            limits=limits,
            id=id,
            by=looking.who.actor,
        )
    except CallerError as error:
        if error.code == "conflict":
            return await _made_before(clerk, looking, id)
        return await listing(clerk, looking, Deed(typed, error))
    return _secret(clerk, made.key, made.secret, rotated=False)


async def one_key(
    clerk: Clerk, looking: Looking, id: str, deed: Deed | None = None, *, saved: bool = False
) -> Shown:
    """One key: what it was used for, and the forms that change, rotate and revoke it."""
    deed = deed or Deed()
    key = await clerk.billing.key(id, account=looking.account)
    now_ms = clerk.clock.now_ms()
    uses = await clerk.billing.key_uses(looking.account)
    row = KeyRow(key, key.state(now_ms), uses.get(id), (await _makers(clerk, looking)).get(id, ""))
    changing = deed.error is not None and "name" in deed.typed
    words: Words = {
        "row": row,
        "key": key,
        "saved": saved,
        "deed": deed,
        "form": key_form(deed.typed) if changing else form_of(key),
        "models": clerk.offered(),
        "unoffered": _unoffered(clerk, key),
        "overlaps": OVERLAPS,
        "limited": key.limits != KeyLimits(),
        "overlapping": key.old_until_ms is not None and key.old_until_ms > now_ms,
    }
    return page("keys", "key", words, status=deed.status)


async def change(clerk: Clerk, looking: Looking, id: str, typed: Form) -> Shown | None:
    """Change what the key is called and may. None: done."""
    looking.must(Right.KEYS)
    key = await clerk.billing.key(id, account=looking.account)
    try:
        wanted = change_of(key_form(typed), clerk.catalogue(), clerk.clock.now_ms(), old=key)
        await clerk.billing.change_key(id, wanted, account=looking.account, by=looking.who.actor)
        clerk.changed()
    except CallerError as error:
        return await one_key(clerk, looking, id, Deed(typed, error))
    return None


async def rotate(clerk: Clerk, looking: Looking, id: str, typed: Form) -> Shown:
    """Give the key a new secret; the page has it."""
    looking.must(Right.KEYS)
    try:
        made = await clerk.billing.rotate_key(
            id,
            overlap_ms=overlap_ms(typed),
            from_hint=typed.get("hint"),
            account=looking.account,
            by=looking.who.actor,
        )
        clerk.changed()
    except CallerError as error:
        if error.code == "key_rotated":
            return await _made_before(clerk, looking, id)
        if error.status == 404:
            raise
        return await one_key(clerk, looking, id, Deed(typed, error))
    return _secret(clerk, made.key, made.secret, rotated=True)


async def revoke(clerk: Clerk, looking: Looking, id: str, typed: Form) -> Shown | None:
    """Revoke the key, where the form says that it is meant. None: done."""
    looking.must(Right.KEYS)
    if typed.get("sure") != "yes":
        error = CallerError("Tick the box to revoke this key.", param="sure")
        return await one_key(clerk, looking, id, Deed(typed, error))
    await clerk.billing.revoke_key(id, account=looking.account, by=looking.who.actor)
    clerk.changed()
    return None


async def _made_before(clerk: Clerk, looking: Looking, id: str) -> Shown:
    """The form was sent again: nothing happens, and the secret can't be shown a second time."""
    key = await clerk.billing.key(id, account=looking.account)
    return page("keys", "key_made", {"key": key, "secret": "", "rotated": False}, status=409)


def _secret(clerk: Clerk, key: Key, secret: str, *, rotated: bool) -> Shown:
    model = clerk.first_model(key.limits.models)
    code = "" if clerk.codes is None else clerk.codes.offer(secret)
    words: Words = {
        "key": key,
        "secret": secret,
        "rotated": rotated,
        "model": model,
        "snippets": () if model is None else quick_lines(model, clerk.site, secret),
        "playground": f"/playground#code={code}" if code else "/playground",
    }
    return page("keys", "key_made", words)


def _number(text: str, most: int) -> int:
    """Which page is asked for; the first where it makes no sense."""
    whole = text.isascii() and text.isdecimal() and len(text) < 6
    return min(max(1, int(text)), most) if whole else 1


async def _rows(clerk: Clerk, looking: Looking) -> list[KeyRow]:
    now_ms = clerk.clock.now_ms()
    uses = await clerk.billing.key_uses(looking.account)
    makers = await _makers(clerk, looking)
    rows = [
        KeyRow(key, key.state(now_ms), uses.get(key.id), makers.get(key.id, ""))
        for key in await clerk.billing.keys(looking.account)
    ]
    rows.sort(key=lambda row: (row.state != "live", -row.key.created_ms, row.key.id))
    return rows


async def _makers(clerk: Clerk, looking: Looking) -> Mapping[str, str]:
    """Key id → who made it, as far back as the audit log is read."""
    acts = await clerk.billing.audit(looking.account, limit=ACTS_READ)
    return {act.subject: looking.named(act.actor) for act in acts if act.act == "keys create"}


def _unoffered(clerk: Clerk, key: Key) -> tuple[str, ...]:
    """Models that the key may ask and that are offered no more: they stay in its form."""
    offered = {model.id for model in clerk.offered()}
    return tuple(id for id in key.limits.models or () if id not in offered)
