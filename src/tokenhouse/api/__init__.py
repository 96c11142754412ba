"""HTTP for machines: inference routes per dialect, receipts, models, health, metrics.

Parses, calls the relay (inference) or billing and access (everything else), and renders. Refuses to
know providers, the engine, SQL and the ledger.
"""

from tokenhouse.api.account import Account
from tokenhouse.api.admin import ADMIN_ROUTES, AdminRoute, admin
from tokenhouse.api.admin import BASE as ADMIN
from tokenhouse.api.control import BASE as CONTROL
from tokenhouse.api.control import Budget, ControlSettings, control, control_routes
from tokenhouse.api.cors import Cors
from tokenhouse.api.count_tokens import CountTokens
from tokenhouse.api.fronts import ChatFront, CompletionsFront, Front, MessagesFront
from tokenhouse.api.http import Handler, Receive, Scope, Send
from tokenhouse.api.idempotency import KeyedAnswers
from tokenhouse.api.inference import Inference, Limits
from tokenhouse.api.metrics import Counted, Reading
from tokenhouse.api.models import Models
from tokenhouse.api.openapi import OpenApi
from tokenhouse.api.router import Router
from tokenhouse.api.routes import ROUTES, ApiRoute, Name, by_path
from tokenhouse.api.server import Server, ServerSettings, listen, uvicorn_server
from tokenhouse.api.sign_in import SignIn
from tokenhouse.api.status import Status
from tokenhouse.api.totals import Totals
from tokenhouse.api.visit import Visit

__all__ = [
    "ADMIN",
    "ADMIN_ROUTES",
    "CONTROL",
    "ROUTES",
    "Account",
    "AdminRoute",
    "ApiRoute",
    "Budget",
    "ChatFront",
    "CompletionsFront",
    "ControlSettings",
    "Cors",
    "CountTokens",
    "Counted",
    "Front",
    "Handler",
    "Inference",
    "KeyedAnswers",
    "Limits",
    "MessagesFront",
    "Models",
    "Name",
    "OpenApi",
    "Reading",
    "Receive",
    "Router",
    "Scope",
    "Send",
    "Server",
    "ServerSettings",
    "SignIn",
    "Status",
    "Totals",
    "Visit",
    "admin",
    "by_path",
    "control",
    "control_routes",
    "listen",
    "uvicorn_server",
]
