"""A valid STAC archive of synthetic port scenes, with the truth it was made from."""
