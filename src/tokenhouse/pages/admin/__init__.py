"""What operators see of the whole house, and do: accounts, live requests, routes, settings, books, people.

Knows which page answers which path and how figures are shown. All is read and done through the desk, as
by the operators' API.
"""

from tokenhouse.pages.admin.admin import AdminPages
from tokenhouse.pages.admin.office import Office

__all__ = ["AdminPages", "Office"]
