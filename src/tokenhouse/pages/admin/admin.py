"""The operators' pages by path."""

from __future__ import annotations

from tokenhouse.pages.admin.accounts import Accounts
from tokenhouse.pages.admin.books import BookPages
from tokenhouse.pages.admin.office import Handler, Office
from tokenhouse.pages.admin.running import RunningPages


class AdminPages:
    """Answers what is asked below ``/admin``, for who is signed in and operates this house."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> dict[tuple[str, str], Handler]:
        """(method, path) → page."""
        office = self._office
        return {
            **RunningPages(office).routes(),
            **Accounts(office).routes(),
            **BookPages(office).routes(),
        }
