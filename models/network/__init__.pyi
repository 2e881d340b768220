from .bands import BANDS
from .normalise import Image, normalise_planes
from .unet import ConvBlock, UNet, UpBlock, new_unet, unet_from_arrays, unet_to_arrays

__all__ = [
    "BANDS",
    "ConvBlock",
    "Image",
    "UNet",
    "UpBlock",
    "new_unet",
    "normalise_planes",
    "unet_from_arrays",
    "unet_to_arrays",
]
