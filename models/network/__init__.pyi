from .normalise import BANDS, Image, normalise
from .unet import ConvBlock, UNet, new_unet, unet_from_arrays, unet_to_arrays

__all__ = [
    "BANDS",
    "ConvBlock",
    "Image",
    "UNet",
    "new_unet",
    "normalise",
    "unet_from_arrays",
    "unet_to_arrays",
]
