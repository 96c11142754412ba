"""The API for operators, below ``/api/admin/v1``: the same acts as the operators' pages."""

from tokenhouse.api.admin.admin import Admin, admin
from tokenhouse.api.admin.describing import TAG as ADMIN_TAG
from tokenhouse.api.admin.describing import admin_paths
from tokenhouse.api.admin.route import BASE, AdminRoute
from tokenhouse.api.admin.routes import ROUTES as ADMIN_ROUTES

__all__ = ["ADMIN_ROUTES", "ADMIN_TAG", "BASE", "Admin", "AdminRoute", "admin", "admin_paths"]
