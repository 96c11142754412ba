"""What the control plane's routes give as ``data``. Amounts are US dollars, exact; times are RFC 3339.

Field names are ModelsLab's, in all the ways that its documents and its command line write them; what
this house doesn't have is null. What only this house tells stands beside.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

Dollars = Annotated[
    Raw, Meta(description="US dollars, exact.", extra_json_schema={"type": "number"})
]
MaybeDollars = Annotated[
    Raw | None,
    Meta(description="US dollars, exact.", extra_json_schema={"type": ["number", "null"]}),
]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
MaybeMoment = Annotated[
    str | None, Meta(extra_json_schema={"type": ["string", "null"], "format": "date-time"})
]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    message: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    email: str
    verified: bool
    username: str | None = None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """An access token, this once; ``id`` names it in lists. ``api_key`` only where one was made with
    it."""

    id: str
    access_token: str
    token: str
    token_expiry: str
    expires_at: MaybeMoment
    user: User
    account: str | None
    message: str
    token_type: str = "Bearer"
    api_key: str | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token without its secret. ``current``: the one that asks."""

    id: str
    name: str
    hint: str
    account: str | None
    created_at: Moment
    expires_at: MaybeMoment
    current: bool
    last_used_at: None = None


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """``available`` is the balance without what running requests hold."""

    balance: Dollars
    held: Dollars
    available: Dollars
    currency: str = "USD"


class Funded(Wallet, frozen=True, kw_only=True):
    """A wallet with all that ever came in and went out."""

    total_credited: Dollars
    amount_used: Dollars


class Balance(Wallet, frozen=True, kw_only=True):
    """The same twice: as the documents have it, and as the command line reads it."""

    wallet: Wallet


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Null is no limit."""

    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``price`` is 0: nothing is charged for being on a plan, requests are paid one by one."""

    id: str
    name: str
    description: str
    monthly_grant: Dollars
    limits: Limits
    rate_limit: int | None
    features: list[str]
    price: int = 0
    category: str = "normal"
    type: str = "pay_as_you_go"
    period: str = "monthly"
    interval: str = "month"
    api_call_limit: None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the person; ``current``: the one that the token acts for."""

    id: str
    name: str
    role: str
    current: bool


class Me(User, frozen=True, kw_only=True):
    """``account``, ``role``, ``plan`` and wallet are of the account that the token acts for."""

    created_at: Moment
    account: str | None
    account_name: str | None
    role: str | None
    accounts: list[Account]
    plan: Plan | None
    wallet: Wallet | None
    wallet_balance: MaybeDollars
    about_me: None = None
    about: None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """``key`` is whole in the answer that made it, and its last four letters ever after."""

    id: str
    name: str
    key: str
    state: str
    created_at: Moment
    expires_at: MaybeMoment
    revoked_at: MaybeMoment
    old_secret_until: MaybeMoment
    models: list[str] | None
    day_cap: MaybeDollars
    month_cap: MaybeDollars
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrent_requests: int | None
    usage: Dollars
    notes: None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What requests sum to; null where it was not asked apart."""

    day: str | None
    hour: str | None
    model: str | None
    key: str | None
    requests: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    images: int
    cost: Dollars


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What requests to one model sum to; ``product`` is its id."""

    product: str
    requests: int
    cost: Dollars
    total_tokens: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The account since the month began, or in the range that was asked for."""

    since: Moment
    until: Moment
    requests: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: Dollars
    wallet: Wallet
    plan: Plan
    limits: Limits


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the log; ``/usage/history/{id}`` has the whole receipt."""

    id: str
    type: str
    status: str
    cost: Dollars
    created_at: Moment
    model: str
    key: str
    tokens_prompt: int
    tokens_completion: int
    streamed: bool
    finish_reason: str | None


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger; ``amount`` is never negative, ``type`` says which way it went."""

    id: str
    transaction_id: str
    source: str
    type: str
    amount: Dollars
    usecase: str
    description: str
    created_at: Moment
    status: str = "success"


class Transactions(msgspec.Struct, frozen=True, kw_only=True):
    """``total`` is null where not all was read."""

    items: list[Transaction]
    count: int
    total: int | None
    wallet: Funded


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """What a voucher is worth, and that it could be redeemed now."""

    amount: Dollars
    expires_at: MaybeMoment
    redeemed: bool
    valid: bool = True
    currency: str = "USD"


class Redeemed(msgspec.Struct, frozen=True, kw_only=True):
    """``idempotency_replay``: it was done before, and not again."""

    message: str
    transaction_id: str
    amount: Dollars
    balance: Dollars
    idempotency_replay: bool
    currency: str = "USD"


class PayAsYouGo(msgspec.Struct, frozen=True, kw_only=True):
    """How credit is put in here: no card is taken."""

    description: str
    redeem_endpoint: str
    available: bool = True
    minimum_topup_usd: int = 0
    currency: str = "USD"
    fund_endpoint: None = None
    auto_payments: dict[str, bool]


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    subscription_plans: list[Plan]
    pay_as_you_go: PayAsYouGo
    count: int


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """The account's plan, as the one subscription that it has. It has no end and no bill."""

    id: str
    plan_id: str
    plan_name: str
    status: str
    feature: str = "normal"
    next_billing_date: None = None
    current_period_start: Moment
    current_period_end: Moment
    stripe_subscription_id: None = None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    wallet: Funded
    subscriptions: list[Subscription]
    payment_methods: list[str]
    invoice_count: int
    how_to_add_credit: str


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A month's statement; ``amount`` is what requests were charged in it."""

    id: str
    amount: Dollars
    created_at: Moment
    status: str
    currency: str = "USD"


class InvoiceDetail(Invoice, frozen=True, kw_only=True):
    """``closing_balance`` = ``opening_balance`` + all ``sums``, which are by kind of posting."""

    opening_balance: Dollars
    closing_balance: Dollars
    sums: dict[str, Dollars]
    usage: list[Product]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Someone of the account, or someone invited; then ``id`` is the address."""

    id: str
    name: str
    email: str
    role: str
    status: str
    since: Moment


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens, as exact text."""

    input: str
    output: str
    cache_read: str
    cache_write: str
    reasoning: str


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalogue. ``ready``: could it answer now? ``pricing`` is OpenRouter's, per token."""

    id: str
    model_id: str
    name: str
    model_name: str
    provider: str
    model_category: str
    feature: str
    model_type: str
    model_subcategory: str | None
    description: str
    tags: list[str]
    context_length: int
    max_output_tokens: int
    license: str
    open_weights: bool
    free: bool
    ready: bool
    added: str | None
    aliases: list[str]
    price_per_million: Rates
    pricing: dict[str, str]
    price_version: str
    base_model: None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """``parameters`` is the JSON Schema of the body."""

    name: str
    method: str
    endpoint: str
    parameters: dict[str, Any]
    example: dict[str, Any]


class ModelDetail(Model, frozen=True, kw_only=True):
    supported_parameters: list[str]
    default_parameters: dict[str, float]
    endpoint_configurations: list[Endpoint]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What may stand in the query of ``/models``."""

    features: list[str]
    model_types: list[str]
    model_subcategories: list[str]
    base_models: list[str]
    providers: list[str]
    tags: list[str]
    sorts: list[str]
