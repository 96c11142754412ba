"""Billing's acts: what an operator, or an account with a voucher, does about money outside a request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tokenhouse import ids
from tokenhouse.access import (
    Key,
    KeyChange,
    KeyLimits,
    KeyStore,
    NewKey,
    check_account_name,
    new_key,
    new_rotation,
)
from tokenhouse.billing.naming import check_key_name, key_or
from tokenhouse.billing.port import Office
from tokenhouse.billing.reading import Reading, said
from tokenhouse.billing.values import DAY_MS, By, Once, Voucher
from tokenhouse.billing.voucher import code_digest, new_code, not_a_voucher, refusal
from tokenhouse.clock import Clock
from tokenhouse.errors import CallerError
from tokenhouse.ledger import Account, AccountState, Credited, Ledger
from tokenhouse.money import AMOUNT_MAX

VOUCHERS_MAX = 10_000
HINT_LETTERS = 4
OVERLAP_MAX_MS = 366 * DAY_MS


@dataclass(frozen=True, slots=True)
class NewVouchers:
    """A lot just made; ``codes`` stand in the order of ``vouchers`` and are shown this once.

    ``replayed``: the lot was there before, and its codes can't be shown again.
    """

    vouchers: tuple[Voucher, ...]
    codes: tuple[str, ...]
    replayed: bool = False


class Billing(Reading):
    """Accounts, keys, credit, vouchers, receipts and usage, over the ports of others.

    ``account`` is a name or an id wherever it is asked for. Every act leaves a row in the audit log,
    in its own operation, under ``actor``. CallerError (404, 409, 400) says what was wrong with the
    sentence; HouseError 503 that nothing could be read or written.
    """

    def __init__(
        self,
        ledger: Ledger,
        keys: KeyStore,
        office: Office,
        clock: Clock,
        *,
        actor: str = "house",
    ) -> None:
        super().__init__(ledger, office, clock)
        self._keys = keys
        self._office = office
        self._actor = actor

    def as_actor(self, actor: str) -> Billing:
        """The same door, whose acts stand in the audit log as ``actor``'s."""
        return Billing(self._ledger, self._keys, self._office, self._clock, actor=actor)

    async def create_account(self, name: str, plan: str) -> Account:
        """A new account; 409 when the name is taken, 400 when it can't be one."""
        check_account_name(name)
        now_ms = self._clock.now_ms()
        return await said(self._office.create_account(name, plan, now_ms, by=self._by()))

    async def change_account(
        self,
        account: str,
        *,
        plan: str | None = None,
        state: AccountState | None = None,
        reason: str = "",
    ) -> Account:
        """Another plan or state; its keys feel it at once."""
        id = (await self.account(account)).id
        by = self._by(reason)
        return await said(self._office.change_account(id, plan=plan, state=state, by=by))

    async def credit(
        self, account: str, amount: int, *, reason: str = "", idempotency_key: str | None = None
    ) -> Credited:
        """Put ``amount`` nanodollars in. The same key again is recognised; with other words, 409.

        The transfer's id is the key, or a fresh one; by it the credit can be reversed.
        """
        now_ms = self._clock.now_ms()
        transfer = key_or(idempotency_key, ids.POSTING, now_ms)
        id = (await self.account(account)).id
        return await said(
            self._office.credit(
                id, amount, reason=reason, id=transfer, at_ms=now_ms, by=self._by(reason)
            )
        )

    async def reverse(self, transfer: str, *, reason: str) -> Credited:
        """Take a credit, or a request's charge, back; once. A charge whose receipt was pruned is no
        longer known by the request's id."""
        now_ms = self._clock.now_ms()
        by = self._by(reason)
        return await said(self._office.reverse(transfer, reason=reason, at_ms=now_ms, by=by))

    async def create_key(
        self,
        account: str,
        name: str = "",
        *,
        expires_ms: int | None = None,
        limits: KeyLimits | None = None,
        id: str | None = None,
        by: str | None = None,
    ) -> NewKey:
        """A fresh key; its secret is in the answer and nowhere else. 400 for limits that are none.

        ``id``: what it is to be called, chosen by who asks: said twice, it is made once, and the second
        time is 409 ``conflict``. ``by``: who does it, where it is not the actor of this door.
        """
        check_key_name(name)
        check_limits(limits or KeyLimits())
        if id is not None and not ids.is_id(ids.KEY, id):
            raise CallerError(f"{id!r} is no key's id", param="id")
        found = await self.account(account)
        if found.state == "closed":
            raise CallerError(f"account {found.name!r} is closed", status=409, code="closed")
        made = new_key(
            found.id, name, now_ms=self._clock.now_ms(), expires_ms=expires_ms, limits=limits, id=id
        )
        actor = self._by(actor=by)
        key = replace(made.key, created_by=actor.actor)
        await said(self._office.add_key(key, by=actor))
        return NewKey(key, made.secret)

    async def keys(self, account: str | None = None) -> tuple[Key, ...]:
        """An account's keys, or all, oldest first; revoked ones too."""
        id = None if account is None else (await self.account(account)).id
        return await said(self._keys.keys(id))

    async def key(self, key: str, *, account: str | None = None) -> Key:
        """One key by its id; 404 too when it is not ``account``'s (an id)."""
        found = await said(self._keys.keys(account))
        return _there(next((each for each in found if each.id == key), None), key)

    async def revoke_key(
        self, key: str, *, account: str | None = None, by: str | None = None
    ) -> Key:
        """The key as it is now; 404 when there is none, or none of ``account`` (an id). Twice is once."""
        await self._must_have(key, account)
        now_ms, actor = self._clock.now_ms(), self._by(actor=by)
        return _there(await said(self._office.revoke_key(key, now_ms, by=actor)), key)

    async def change_key(
        self, key: str, change: KeyChange, *, account: str | None = None, by: str | None = None
    ) -> Key:
        """The key as it is now; 404 when there is none, or none of ``account`` (an id), 400 for limits
        that are none. Requests under way keep what they began with."""
        await self._must_have(key, account)
        blank = Key(id="", account="", name="", digest=b"", hint="", created_ms=0)
        applied = change.applied(blank)
        check_key_name(applied.name)
        check_limits(applied.limits)
        changed = await said(self._office.change_key(key, change, by=self._by(actor=by)))
        return _there(changed, key)

    async def rotate_key(
        self,
        key: str,
        *,
        overlap_ms: int = 0,
        from_hint: str | None = None,
        account: str | None = None,
        by: str | None = None,
    ) -> NewKey:
        """A new secret for the key; the old one works for ``overlap_ms`` more. What the key has spent
        counts on. 404 when there is none, or none of ``account`` (an id), 409 when it is revoked, or
        when ``from_hint`` is not the hint of its secret any more (``key_rotated``)."""
        await self._must_have(key, account)
        if not 0 <= overlap_ms <= OVERLAP_MAX_MS:
            raise CallerError("an overlap lasts from nothing to a year", param="overlap")
        now_ms = self._clock.now_ms()
        rotation, secret = new_rotation(
            key, now_ms=now_ms, overlap_ms=overlap_ms, from_hint=from_hint
        )
        by_whom = self._by(actor=by)
        rotated = _there(await said(self._office.rotate_key(rotation, by=by_whom)), key)
        if rotated.digest != rotation.digest and rotated.revoked_ms is None:
            raise CallerError(f"key {key!r} was rotated already", status=409, code="key_rotated")
        if rotated.digest != rotation.digest:
            raise CallerError(f"key {key!r} is revoked", status=409, code="key_revoked")
        return NewKey(rotated, secret)

    async def create_vouchers(
        self,
        amount: int,
        *,
        count: int = 1,
        expires_ms: int | None = None,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> NewVouchers:
        """``count`` codes worth ``amount`` nanodollars each. The same idempotency key again makes none:
        the lot's id is the key, or a fresh one."""
        if not 1 <= count <= VOUCHERS_MAX:
            raise CallerError(f"a lot has 1 … {VOUCHERS_MAX} vouchers", param="count")
        if not 1 <= amount <= AMOUNT_MAX:
            raise CallerError("a voucher is worth more than 0", param="amount")
        now_ms = self._clock.now_ms()
        if expires_ms is not None and expires_ms <= now_ms:
            raise CallerError("the end of a voucher must lie ahead", param="expires")
        lot = key_or(idempotency_key, ids.LOT, now_ms)
        codes = [new_code() for _ in range(count)]
        made: list[tuple[Voucher, bytes]] = []
        for code in codes:
            digest = code_digest(code)
            assert digest is not None
            voucher = Voucher(
                id=ids.new(ids.VOUCHER, now_ms),
                lot=lot,
                hint=code[-HINT_LETTERS:],
                amount=amount,
                reason=reason,
                created_ms=now_ms,
                expires_ms=expires_ms,
            )
            made.append((voucher, digest))
        vouchers, replayed = await said(self._office.add_vouchers(made, by=self._by(reason)))
        return NewVouchers(vouchers, () if replayed else tuple(codes), replayed)

    async def vouchers(self, *, before: str | None = None, limit: int = 100) -> tuple[Voucher, ...]:
        """Newest first; ``before``: the id of the last one already seen."""
        return await self._office.vouchers(before=before, limit=limit)

    async def revoke_vouchers(self, name: str, *, reason: str = "") -> tuple[Voucher, ...]:
        """A voucher by its id, or a lot, as it is now; what was redeemed stays so. 404: no such."""
        now_ms = self._clock.now_ms()
        found = await self._office.revoke_vouchers(name, now_ms, by=self._by(reason))
        if not found:
            raise CallerError(
                f"there is no voucher and no lot {name!r}", status=404, code="voucher_not_found"
            )
        return found

    async def voucher(self, code: str, account: str) -> Voucher:
        """What ``account`` (an id) would get for the code now, or has got; it stays as it is.

        CallerError 404 ``voucher_not_found``, 409 as in ``redeem``."""
        digest = code_digest(code)
        found = None if digest is None else await self._office.find_voucher(digest)
        if found is None:
            raise not_a_voucher()
        refused = refusal(found, account, self._clock.now_ms())
        if refused is not None:
            raise refused
        return found

    async def redeem(
        self, code: str, account: str, *, by: str | None = None, once: Once | None = None
    ) -> Credited:
        """Turn a code into credit of ``account``, once; the same account again is recognised.

        ``by``: who does it, where it is not the actor of this door. ``once``: the Idempotency-Key that
        the act takes. CallerError 404 ``voucher_not_found``, 409 ``voucher_redeemed`` |
        ``voucher_revoked`` | ``voucher_expired`` | ``idempotency_key_reused``.
        """
        found = await self.account(account)
        if found.state == "closed":
            raise CallerError(f"account {found.name!r} is closed", status=409, code="closed")
        digest = code_digest(code)
        if digest is None:
            raise not_a_voucher()
        now_ms = self._clock.now_ms()
        actor = self._by(actor=by)
        return await said(
            self._office.redeem_voucher(digest, found.id, now_ms, by=actor, once=once)
        )

    async def _must_have(self, key: str, account: str | None) -> None:
        if account is not None:
            await self.key(key, account=account)

    def _by(self, reason: str = "", actor: str | None = None) -> By:
        return By(self._actor if actor is None else actor, reason)


def check_limits(limits: KeyLimits) -> None:
    """CallerError 400 naming the limit that no key can have."""
    caps = ("day_cap", limits.day_cap), ("month_cap", limits.month_cap)
    counts = (
        ("requests_per_minute", limits.requests_per_minute),
        ("tokens_per_minute", limits.tokens_per_minute),
        ("concurrent_requests", limits.concurrent_requests),
    )
    for least, named in ((0, caps), (1, counts)):
        for name, value in named:
            if value is not None and not least <= value <= AMOUNT_MAX:
                raise CallerError(f"{name} must be {least} … {AMOUNT_MAX}", param=name)


def _there(found: Key | None, key: str) -> Key:
    if found is None:
        raise CallerError(f"there is no key {key!r}", status=404, code="key_not_found")
    return found
