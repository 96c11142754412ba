"""HTML and Markdown for people and agents: home, catalogue, model pages, prices, guide, playground; and
what is one person's own: signing in, members; and the operators' pages.

Knows how a house is shown: what stands on which page, and how it looks. Every figure is read from the
catalogue's rows and the receipts. Refuses to know how requests run, what a price means, who may spend,
and where anything is kept.
"""

from tokenhouse.pages.admin import AdminPages, Office
from tokenhouse.pages.dashboard import Clerk, Dashboard
from tokenhouse.pages.pages import Pages
from tokenhouse.pages.paths import PAGES, PageRoute
from tokenhouse.pages.private import PrivatePages
from tokenhouse.pages.site import Site

__all__ = [
    "PAGES",
    "AdminPages",
    "Clerk",
    "Dashboard",
    "Office",
    "PageRoute",
    "Pages",
    "PrivatePages",
    "Site",
]
