"""People: all that a person, or an operator for them, does about who they are."""

from __future__ import annotations

from tokenhouse.access.people.joining import Joining
from tokenhouse.access.people.membership import Belonging
from tokenhouse.access.people.tokens import Tokens


class People(Joining, Belonging, Tokens):
    """Signing up, in and out, members, invitations, access tokens. Everything is async; AccountError and
    CallerError carry a stable code, and their sentence is what a person may be shown."""
