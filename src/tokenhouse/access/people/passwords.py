"""Passwords: what one may be, and argon2id, in worker threads, a few at once.

A hash takes tens of milliseconds and ``MEMORY_KIB`` on purpose. So that nobody can make the house busy
or its memory scarce with guesses, ``AT_ONCE`` run side by side and ``WAITING_MAX`` wait.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from tokenhouse.errors import CallerError, HouseError

if TYPE_CHECKING:  # imported with the first password, not with the house
    from argon2 import PasswordHasher

T = TypeVar("T")

LENGTH_LEAST: Final = 10
LENGTH_MOST: Final = 256
DIFFERENT_LEAST: Final = 5
AT_ONCE: Final = 2
WAITING_MAX: Final = 64
MEMORY_KIB: Final = 47_104
"""46 MiB, one pass, one lane: of the equal settings in OWASP's password storage sheet the one that
costs a guesser with fast processors the most memory."""

_COMMON: Final = frozenset(
    (
        *("password", "passwort", "passwords", "mypassword", "passw0rd", "p@ssword", "p@ssw0rd"),
        *("letmein", "letmeinplease", "welcome", "welcomeback", "iloveyou", "princess", "sunshine"),
        *("football", "baseball", "dragon", "monkey", "superman", "batman", "trustno", "starwars"),
        *("qwerty", "qwertz", "azerty", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl"),
        *("qazwsx", "qazwsxedc", "qweasdzxc", "zxcvbnm", "abc", "abcdef", "abcdefghij", "qweqwe"),
        *("admin", "administrator", "changeme", "secret", "secretpassword", "default", "test"),
        *("testtest", "master", "access", "login", "hello", "helloworld", "whatever", "computer"),
    )
)
"""Words that stay when the digits and signs at the ends of the commonest passwords are taken off."""
_RUNS: Final = ("01234567890123456789", "98765432109876543210", "1q2w3e4r5t6y7u8i9o0p")


def check_password(password: str, *others: str) -> None:
    """CallerError 400 that says what is wrong with it. ``others``: what it must not be made of, the
    person's own address and name above all."""
    if len(password) < LENGTH_LEAST:
        raise _weak(f"A password has at least {LENGTH_LEAST} characters; a few words are good.")
    if len(password) > LENGTH_MOST:
        raise _weak(f"A password has at most {LENGTH_MOST} characters.")
    plain = _normal(password).casefold()
    if len(set(plain)) < DIFFERENT_LEAST:
        raise _weak(f"A password has at least {DIFFERENT_LEAST} different characters.")
    core = plain.strip("0123456789 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    if core in _COMMON or any(plain in run for run in _RUNS):
        raise _weak("This is one of the passwords that are guessed first. Take another.")
    own = {word for other in others for word in _words(other)}
    if core == "" and plain.isdecimal():
        raise _weak("A password of digits alone is guessed soon. Take some words.")
    if core in own or plain in own:
        raise _weak("A password must not be your name or address.")


class Passwords:
    """Hashes passwords and checks them. One per house."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._hasher: PasswordHasher | None = None
        self._nobodys = ""

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn]:
        """One of the few turns, to be held no longer than needed. HouseError 503 where too many wait."""
        if self._waiting >= WAITING_MAX:
            raise HouseError(
                "Too many people sign in at this moment. Try again in a minute.",
                status=503,
                code="busy_signing_in",
                retry_after_s=10.0,
            )
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            if self._hasher is None:
                self._hasher, self._nobodys = await asyncio.to_thread(_hasher)
            yield Turn(self._hasher, self._nobodys)
        finally:
            self._turns.release()

    async def hash(self, password: str) -> str:
        """The hash to keep; waits for a turn."""
        async with self.turn() as turn:
            return await turn.hash(password)


class Turn:
    """The right to use a processor for one password."""

    def __init__(self, hasher: PasswordHasher, nobodys: str) -> None:
        self._hasher = hasher
        self._nobodys = nobodys

    async def hash(self, password: str) -> str:
        return await _to_the_end(lambda: self._hasher.hash(_normal(password)))

    async def check(self, password: str, kept: str | None) -> bool:
        """Is ``kept`` its hash? Takes as long when there is none (None)."""
        right = await _to_the_end(lambda: self._verify(kept or self._nobodys, password))
        return right and kept is not None

    def outdated(self, kept: str) -> bool:
        """Was it made with other settings than today's?"""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(kept, _normal(password))
        except (VerificationError, InvalidHashError):
            return False


async def _to_the_end(work: Callable[[], T]) -> T:
    """In a thread. Whoever waits may be cancelled; the turn is held until the thread is done."""
    working = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait((working,))
        raise


def _hasher() -> tuple[PasswordHasher, str]:
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=1, memory_cost=MEMORY_KIB, parallelism=1)
    return hasher, hasher.hash(secrets.token_urlsafe(16))


def _normal(password: str) -> str:
    """As it is hashed: the same letters however a keyboard makes them (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()


def _words(text: str) -> set[str]:
    whole = text.casefold().strip()
    before = whole.partition("@")[0]
    return {word for word in (whole, before, whole.replace(" ", "")) if word}


def _weak(sentence: str) -> CallerError:
    return CallerError(sentence, code="weak_password", param="password")
