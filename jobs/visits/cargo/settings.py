"""Priors of ships and cargoes, and the cap they count against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.domain import BerthKind
from jobs.errors import InputError
from jobs.visits.cargo.entries import Cargo

BARRELS_PER_TONNE: Mapping[str, float] = {
    "gasoline": 8.35,
    "kerosene": 7.88,
    "gasoil": 7.46,
    "residual": 6.35,
}
"""Barrels of 42 US gallons in a tonne of product (domain page, section 3)."""

OFFICIAL_LOADS: Mapping[str, float] = {"33 %": 1 / 3, "50 %": 0.5, "90 %": 0.9}
"""Share of the listed deadweight in the official what-ifs of 2018. "33 %" is a third: only then do
the three totals of the 89 port calls (506,529, 759,793, 1,367,628 bbl) rest on one capacity."""
SCENARIO_PRODUCT = "gasoil"
"""The plain rows have one k; gasoil's also gives the reported 23,256 bbl of a 3,281 dwt tanker."""


def _default_shares() -> Mapping[str, float]:
    return {"gasoline": 0.2, "kerosene": 0.05, "gasoil": 0.6, "residual": 0.15}


@dataclass(frozen=True)
class VolumeSettings:
    """Priors of load, product and ship, all per laden visit; InputError for what cannot be.

    Load and product vary in two ways. What all visits of a history share (how full this trade loads
    its ships, what it carries) does not average out over 43 visits; what differs from visit to
    visit does. Each has its own width here, because an interval made of the second kind alone is
    far too narrow.
    """

    load_mean: float = 0.75
    """Cargo over deadweight of a laden visit. Fuel, water and stores leave at most about .95,
    which matches the fleet reported; the UN Panel counts .90, the official what-ifs go down to a
    third."""
    load_common_sd: float = 0.12
    """Of the load level all visits of a draw share: with the mean, .53 to .92 in 90 % of draws, so
    that .90 is likely and .50 not excluded. No published measurement exists for this fleet."""
    load_visit_sd: float = 0.12
    """Of one visit about that level."""
    product_shares: Mapping[str, float] = field(default_factory=_default_shares)
    """Expected share of visits by product; sums to 1. Gasoil-heavy: it is what DPRK tankers
    of about 3,000 dwt loaded at Vladivostok and Vostochny in 2016 and 2017 (Argus port data in
    Maritime Herald, 2017); the rest is a guess, kept wide by ``product_visits``."""
    product_visits: float = 10.0
    """Precision of the shares as an equivalent number of visits of known product (the Dirichlet's
    concentration): small means that one draw's visits mostly carry the same product."""
    laden_share: float = 1.0
    """Of stays without an analyst's entry, the share that moved a cargo. 1 counts every stay, as
    the official method does, and is an upper reading: in June 2017 six DPRK tankers called at
    Vladivostok and all left without a cargo (Argus port data in Maritime Herald, 2017)."""
    counted_cargo: frozenset[Cargo] = frozenset({Cargo.LADEN_IN, Cargo.LADEN_OUT})
    """Entries that count; for a loading port alone ``{LADEN_OUT}``. The others move no barrels."""
    built_before_2000_share: float = 0.8
    """Of the ships: the reported fleet is 20 years and older in 2024, and of the registry's 743
    tankers of 60-130 m built up to 2004, 78 % were built before 2000."""
    ships: int | None = None
    """How many different ships make the stays of a berth. A formula's error belongs to the ship and
    comes back with her: 43 visits of 15 ships average it over 15. None: every stay another ship,
    which gives the narrowest interval."""
    berth_kinds: frozenset[BerthKind] = frozenset({BerthKind.OIL_TERMINAL})
    """Stays at other kinds of berth are not counted."""
    cap_barrels: float = 500_000.0
    """A calendar year; UNSCR 2397 (2017), paragraph 5."""
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_load()
        self._check_products()
        for name in ("laden_share", "built_before_2000_share"):
            _expect(0 <= getattr(self, name) <= 1, name, getattr(self, name), "a share, 0 to 1")
        ships_fit = self.ships is None or self.ships >= 1
        _expect(ships_fit, "ships", self.ships, "at least 1, or none for a ship a stay")
        _expect(bool(self.berth_kinds), "berth_kinds", "none", "at least one kind of berth")
        _expect(bool(self.counted_cargo), "counted_cargo", "none", "laden_in, laden_out or both")
        cap_fits = math.isfinite(self.cap_barrels) and self.cap_barrels > 0
        _expect(cap_fits, "cap_barrels", self.cap_barrels, "barrels a year above 0")
        _expect(self.seed >= 0, "seed", self.seed, "a whole number from 0")

    def _check_load(self) -> None:
        mean, common, visit = self.load_mean, self.load_common_sd, self.load_visit_sd
        _expect(0 < mean < 1, "load_mean", mean, "cargo over deadweight, above 0 and below 1")
        _expect(common >= 0, "load_common_sd", common, "a standard deviation, 0 or more")
        _expect(visit >= 0, "load_visit_sd", visit, "a standard deviation, 0 or more")
        most = math.sqrt(mean * (1 - mean))
        _expect(
            math.hypot(common, visit) < most,
            "load_common_sd and load_visit_sd",
            f"{common} and {visit}",
            f"together (root of the sum of squares) less than {most:.3f}, the most that a load "
            f"between 0 and 1 with mean {mean} can have",
        )

    def _check_products(self) -> None:
        shares = self.product_shares
        known = ", ".join(BARRELS_PER_TONNE)
        fits = set(shares) <= set(BARRELS_PER_TONNE)
        _expect(fits, "product_shares", sorted(shares), f"only {known}")
        fits = all(share >= 0 for share in shares.values()) and math.isclose(
            sum(shares.values()), 1, abs_tol=1e-6
        )
        _expect(fits, "product_shares", dict(shares), "shares from 0 that sum to 1")
        fits = math.isfinite(self.product_visits) and self.product_visits > 0
        _expect(fits, "product_visits", self.product_visits, "a number of visits above 0")


def _expect(fits: bool, name: str, found: object, expected: str) -> None:
    if not fits:
        raise InputError(
            f"the volume setting {name} is {found}; expected {expected}: correct it or leave it "
            "out for the default"
        )
