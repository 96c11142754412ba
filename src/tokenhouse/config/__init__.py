"""The settings of a house: ``tokenhouse.toml`` and the environment, read into frozen values. A stone.

The only reader of the environment. Everything has a default, so a house without a file works;
unknown keys and wrong values are mistakes that name their ``section.key``. Refuses to know what the
tables of models and plans mean: it keeps them as they are written, and knows their keys.
"""

from tokenhouse.config.fields import ConfigError, Reader, Secret, did_you_mean
from tokenhouse.config.images import ImagesConfig
from tokenhouse.config.load import Config, Network, load
from tokenhouse.config.rows import (
    DefaultsRow,
    EngineRow,
    HubRow,
    ModelRow,
    PlanRow,
    PriceRow,
    RouteRow,
    TierRow,
    tuned,
)
from tokenhouse.config.sections import (
    CatalogueConfig,
    EngineConfig,
    EngineProviderConfig,
    MailConfig,
    ProviderConfig,
    RoutingConfig,
    ScriptedProviderConfig,
    ServerConfig,
    SiteConfig,
    StoreConfig,
    UpstreamConfig,
)
from tokenhouse.config.text import Entry, commented_default, reference

__all__ = [
    "CatalogueConfig",
    "Config",
    "ConfigError",
    "DefaultsRow",
    "EngineConfig",
    "EngineProviderConfig",
    "EngineRow",
    "Entry",
    "HubRow",
    "ImagesConfig",
    "MailConfig",
    "ModelRow",
    "Network",
    "PlanRow",
    "PriceRow",
    "ProviderConfig",
    "Reader",
    "RouteRow",
    "RoutingConfig",
    "ScriptedProviderConfig",
    "Secret",
    "ServerConfig",
    "SiteConfig",
    "StoreConfig",
    "TierRow",
    "UpstreamConfig",
    "commented_default",
    "did_you_mean",
    "load",
    "reference",
    "tuned",
]
