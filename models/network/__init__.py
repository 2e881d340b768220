"""The network and the normalisation of its input."""
