"""``api-keys``: what spends from the account. The secret of a key is told once, when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from tokenhouse.access import Key, KeyChange, KeyLimits
from tokenhouse.api.control import gives, said, takes
from tokenhouse.api.control.route import Act, Answer, Asking
from tokenhouse.api.generation import usd
from tokenhouse.billing import Billing, KeyUse
from tokenhouse.catalogue import Catalogue
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError


class ApiKeys:
    """Keys of the account that the token acts for; another account's key is 404."""

    def __init__(
        self, billing: Billing, catalogue: Callable[[], Catalogue], *, clock: Clock
    ) -> None:
        self._billing = billing
        self._catalogue = catalogue
        self._clock = clock

    @property
    def acts(self) -> Mapping[str, Act]:
        """What answers each route, by its name."""
        return {
            "api_keys": self.listed,
            "api_keys.create": self.create,
            "api_keys.show": self.show,
            "api_keys.change": self.change,
            "api_keys.rotate": self.rotate,
            "api_keys.delete": self.delete,
        }

    async def listed(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        keys = await self._billing.keys(asking.account)
        uses = await self._billing.key_uses(asking.account)
        live = [key for key in keys if key.revoked_ms is None]
        return Answer([self._shown(key, uses) for key in live], {"total": len(live)})

    async def create(self, asking: Asking, given: takes.NewApiKey) -> Answer:
        made = await self._billing.create_key(
            asking.account,
            given.name,
            expires_ms=self._ahead(given.expires_at),
            limits=KeyLimits(
                models=self._models(given.models),
                day_cap=said.amount(given.day_cap, "day_cap"),
                month_cap=said.amount(given.month_cap, "month_cap"),
                requests_per_minute=given.requests_per_minute,
                tokens_per_minute=given.tokens_per_minute,
                concurrent_requests=given.concurrent_requests,
            ),
            by=asking.who.actor,
        )
        return Answer(self._shown(made.key, {}, made.secret))

    async def show(self, asking: Asking, given: takes.Nothing) -> Answer:
        del given
        key = await self._live(asking)
        return Answer(self._shown(key, await self._billing.key_uses(asking.account)))

    async def change(self, asking: Asking, given: takes.ApiKeyChange) -> Answer:
        await self._live(asking)
        caps: dict[str, Any] = {}
        for name, dollars in (("day_cap", given.day_cap), ("month_cap", given.month_cap)):
            caps[name] = UNSET if isinstance(dollars, UnsetType) else said.amount(dollars, name)
        ends, models = given.expires_at, given.models
        change = KeyChange(
            name=given.name,
            expires_ms=UNSET if isinstance(ends, UnsetType) else self._ahead(ends),
            models=UNSET if isinstance(models, UnsetType) else self._models(models),
            requests_per_minute=given.requests_per_minute,
            tokens_per_minute=given.tokens_per_minute,
            concurrent_requests=given.concurrent_requests,
            **caps,
        )
        key = await self._billing.change_key(
            asking.ids["id"], change, account=asking.account, by=asking.who.actor
        )
        return Answer(self._shown(key, await self._billing.key_uses(asking.account)))

    async def rotate(self, asking: Asking, given: takes.Rotate) -> Answer:
        await self._live(asking)
        made = await self._billing.rotate_key(
            asking.ids["id"],
            overlap_ms=given.overlap_seconds * 1000,
            account=asking.account,
            by=asking.who.actor,
        )
        uses = await self._billing.key_uses(asking.account)
        return Answer(self._shown(made.key, uses, made.secret))

    async def delete(self, asking: Asking, given: takes.Nothing) -> Answer:
        """A key is revoked, not forgotten: its receipts name it."""
        del given
        await self._live(asking)
        key = await self._billing.revoke_key(
            asking.ids["id"], account=asking.account, by=asking.who.actor
        )
        return Answer(self._shown(key, await self._billing.key_uses(asking.account)))

    async def _live(self, asking: Asking) -> Key:
        """The key that the path names. One that was deleted is as gone as one that never was."""
        key = await self._billing.key(asking.ids["id"], account=asking.account)
        if key.revoked_ms is not None:
            raise CallerError(f"there is no key {key.id!r}", status=404, code="key_not_found")
        return key

    def _shown(
        self, key: Key, uses: Mapping[str, KeyUse], secret: str | None = None
    ) -> gives.ApiKey:
        use, limits = uses.get(key.id), key.limits
        return gives.ApiKey(
            id=key.id,
            name=key.name,
            key=f"sk-th-…{key.hint}" if secret is None else secret,
            state=_state(key, self._clock.now_ms()),
            created_at=said.moment(key.created_ms) or "",
            expires_at=said.moment(key.expires_ms),
            revoked_at=said.moment(key.revoked_ms),
            old_secret_until=said.moment(key.old_until_ms),
            models=None if limits.models is None else list(limits.models),
            day_cap=None if limits.day_cap is None else usd(limits.day_cap),
            month_cap=None if limits.month_cap is None else usd(limits.month_cap),
            requests_per_minute=limits.requests_per_minute,
            tokens_per_minute=limits.tokens_per_minute,
            concurrent_requests=limits.concurrent_requests,
            usage=usd(0 if use is None else use.spending.total),
        )

    def _models(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Ids, of whatever names; CallerError 404 for one that is none."""
        if names is None:
            return None
        try:
            return tuple(dict.fromkeys(self._catalogue().resolve(name).id for name in names))
        except CallerError as error:
            raise CallerError(
                error.message, status=404, code="model_not_found", param="models"
            ) from None

    def _ahead(self, text: str | None) -> int | None:
        at_ms = said.when_ms(text, "expires_at", whole_day=True)
        if at_ms is not None and at_ms <= self._clock.now_ms():
            raise CallerError("'expires_at' must lie ahead.", param="expires_at")
        return at_ms


def _state(key: Key, now_ms: int) -> str:
    if key.revoked_ms is not None:
        return "revoked"
    if key.expires_ms is not None and key.expires_ms <= now_ms:
        return "expired"
    return "live"
