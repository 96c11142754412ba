"""What somebody signed in sees of an account: its money, keys, usage and book.

Knows which page answers which path, what a role may do there, and how figures are shown. What is told is
read, and what is done is done, through billing alone.
"""

from tokenhouse.pages.dashboard.clerk import Clerk
from tokenhouse.pages.dashboard.dashboard import Dashboard

__all__ = ["Clerk", "Dashboard"]
