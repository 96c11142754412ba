"""Images for models of this house's engines: what is taken, and which models read them."""

from __future__ import annotations

import importlib.util
from ipaddress import ip_network
from pathlib import Path

from tokenhouse.catalogue import Model
from tokenhouse.config import ImagesConfig, Network
from tokenhouse.engine import PICTURE_TOKENS_MAX
from tokenhouse.providers import TEXT_ONLY, Images, ImageSettings


def make_images(images: ImagesConfig, network: Network) -> Images:
    """What reads images, as the settings say."""
    settings = ImageSettings(
        max_per_request=images.max_per_request,
        max_bytes=images.max_bytes,
        max_pixels=images.max_pixels,
        fetch=images.fetch,
        fetch_timeout_s=images.fetch_timeout_s,
        max_redirects=images.max_redirects,
        allow_http=images.allow_http,
        allow_networks=tuple(map(ip_network, images.allow_networks)),
    )
    return Images(settings, ca_file=network.ssl_cert_file or None)


def images_for(model: Model, projector: Path | None, images: Images) -> Images | str:
    """``images`` where the model reads them here, else why it does not, in words for its callers."""
    if "image" not in model.input_modalities:
        return TEXT_ONLY
    if importlib.util.find_spec("PIL") is None:
        return (
            "This house can't read images yet: its operator runs pip install 'tokenhouse[engine]'."
        )
    if projector is None:
        return (
            f"{model.id} reads images, but what reads them is not in this house yet: its operator "
            f"runs `tokenhouse pull {model.id}` and starts again. Until then leave the images out."
        )
    if model.image_tokens < PICTURE_TOKENS_MAX:  # a hold would not cover what one can cost
        return (
            f"{model.id} reads no images here: its row says image_tokens = {model.image_tokens}, and "
            f"an image can take {PICTURE_TOKENS_MAX}. Leave the images out."
        )
    return images
