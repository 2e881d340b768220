"""Deadweight, cargo and cap: the domain page's own figures, theory, and cases made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jobs.domain import BerthKind
from jobs.errors import InputError
from jobs.visits.cargo import (
    OFFICIAL_LOADS,
    BeamMeasure,
    Cargo,
    CargoEntry,
    StayVolumes,
    VolumeSettings,
    band,
    barrels_in,
    cap_years,
    counted_stays,
    deadweight_t,
    outside_fit_share,
    read_entries,
    scenario_in,
    volumes_of,
    year_to_date,
)
from jobs.visits.occupancy.draws import StayDraws
from tests.support.factories import make_berth, make_port

ORIGIN = datetime(2024, 1, 1, tzinfo=UTC)
GASOIL = {"gasoil": 1.0}
PLAIN = VolumeSettings(product_shares=GASOIL, built_before_2000_share=0.0)


def make_stays(
    *,
    draws: int = 2000,
    per_draw: int = 1,
    length_m: float | NDArray[np.float64] = 85.0,
    seen: int = 0,
    days: float = 300.0,
    port: str = "RUVYP",
    berth: str = "oil",
) -> StayDraws:
    """As many stays in every draw, evenly spaced; the first ``seen`` of each are visits v0, v1."""
    rows = draws * per_draw
    number = np.tile(np.arange(per_draw), draws)
    arrival = (number + 0.5) * days / per_draw
    return StayDraws(
        port=port,
        berth=berth,
        origin=ORIGIN,
        end=days,
        draws=draws,
        draw=np.repeat(np.arange(draws), per_draw).astype(np.int32),
        arrival=arrival,
        departure=arrival + 1.5,
        length_m=np.broadcast_to(length_m, (rows,)).astype(np.float64),
        visit=np.where(number < seen, number, -1).astype(np.int32),
        visit_ids=tuple(f"v{n}" for n in range(seen)),
    )


def make_volumes(
    cargoes: list[tuple[int, datetime, float]],
    *,
    draws: int = 1,
    origin: datetime = ORIGIN,
    days: float = 366.0,
) -> StayVolumes:
    """Cargoes (draw, beginning of the stay, barrels) at one berth; order as given."""
    draw = np.array([each[0] for each in cargoes], np.int32)
    arrival = np.array([(each[1] - origin) / timedelta(days=1) for each in cargoes], np.float64)
    size = np.full(len(cargoes), 80.0)
    stays = StayDraws(
        "RUVYP", "oil", origin, days, draws, draw, arrival, arrival + 1, size, draw * 0 - 1
    )
    barrels = np.array([each[2] for each in cargoes], np.float64)
    return StayVolumes(stays, size, barrels, np.zeros(len(cargoes), bool))


def loads(volumes: StayVolumes) -> NDArray[np.float64]:
    """Load of every stay, (draw, stay), where all cargo is gasoil."""
    return (volumes.barrels / volumes.deadweight_t / 7.46).reshape(volumes.stays.draws, -1)


# --- deadweight ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beam_m", "old", "tonnes"),
    [(None, False, 5156.66), (16.0, False, 5343.95), (None, True, 4763.56), (16.0, True, 5128.02)],
)
def test_deadweight_formulas_at_100_m(beam_m: float | None, old: bool, tonnes: float) -> None:
    assert deadweight_t(100.0, beam_m, old) == pytest.approx(tonnes, rel=1e-5)


@pytest.mark.parametrize(("old", "sd"), [(0.0, 0.239), (1.0, 0.268)])
def test_deadweight_spreads_about_the_formula(old: float, sd: float) -> None:
    (volumes,) = volumes_of([make_stays(draws=20_000)], replace(PLAIN, built_before_2000_share=old))
    ln = np.log(volumes.deadweight_t / deadweight_t(85.0, built_before_2000=old > 0))
    assert ln.mean() == pytest.approx(0, abs=4 * sd / 20_000**0.5)
    assert ln.std() == pytest.approx(sd, rel=0.03)


def test_the_length_error_and_the_residual_add_up() -> None:
    """The domain page: sd of ln DWT .30 at 85 m with a length error of 5 m (nine looks)."""
    length = np.random.default_rng(1).normal(85, 5, 20_000)
    (volumes,) = volumes_of([make_stays(draws=20_000, length_m=length)], PLAIN)
    assert np.log(volumes.deadweight_t).std() == pytest.approx(0.30, abs=0.01)


def test_a_measured_beam_narrows_the_deadweight_and_a_poor_one_does_nothing() -> None:
    stays = make_stays(draws=20_000, seen=1)

    def median_and_sd(sd_m: float) -> tuple[float, float]:
        (volumes,) = volumes_of([stays], PLAIN, beams={"v0": BeamMeasure(15.0, sd_m)})
        ln = np.log(volumes.deadweight_t)
        return float(ln.mean()), float(ln.std())

    middle, sd = median_and_sd(1e-6)
    assert middle == pytest.approx(np.log(deadweight_t(85.0, 15.0)), abs=0.005)
    assert sd == pytest.approx(0.163, rel=0.03)
    middle, sd = median_and_sd(1000.0)  # as good as no beam: the two fits agree there
    assert middle == pytest.approx(np.log(deadweight_t(85.0)), abs=0.02)
    assert sd == pytest.approx(0.239, rel=0.05)
    assert 0.163 < median_and_sd(1.0)[1] < 0.239


def test_a_beam_tells_of_a_length_that_is_poorly_known() -> None:
    """As importance sampling has it: lengths weighted by how well they fit the beam."""
    length = 85 * np.exp(np.random.default_rng(2).normal(0, 0.18, 20_000))
    stays = make_stays(draws=20_000, length_m=length, seen=1)
    (volumes,) = volumes_of([stays], PLAIN, beams={"v0": BeamMeasure(17.0, 0.8)})
    expected = np.log(0.2736) + 0.8793 * np.log(length)
    weight = np.exp(-((np.log(17.0) - expected) ** 2) / 2 / (0.099**2 + (0.8 / 17) ** 2))
    weight /= weight.sum()
    mean = float(weight @ np.log(length))
    sd = float(np.sqrt(weight @ (np.log(length) - mean) ** 2))
    middle = np.log(0.0566836) + 1.4752 * mean + 1.6809 * np.log(17.0)
    ln = np.log(volumes.deadweight_t)
    assert ln.mean() == pytest.approx(middle, abs=0.03)
    assert 1.4752 * sd < ln.std() < np.hypot(1.4752 * sd, 0.3)
    (without,) = volumes_of([stays], PLAIN)
    assert ln.std() < 0.6 * np.log(without.deadweight_t).std()


def test_a_beam_belongs_to_its_visit_alone() -> None:
    stays = make_stays(draws=5000, per_draw=2, seen=1)
    (volumes,) = volumes_of([stays], PLAIN, beams={"v0": BeamMeasure(25.0, 0.1)})
    with_beam, without = np.median(volumes.deadweight_t.reshape(-1, 2), axis=0)
    assert with_beam == pytest.approx(deadweight_t(85.0, 25.0), rel=0.02)
    assert without == pytest.approx(deadweight_t(85.0), rel=0.02)


def test_outside_the_fit_is_computed_flagged_and_wider() -> None:
    length = np.tile([50.0, 60.0, 130.0, 140.0], 20_000)
    stays = make_stays(draws=20_000, per_draw=4, length_m=length)
    (volumes,) = volumes_of([stays], PLAIN)
    assert volumes.outside_fit[:4].tolist() == [True, False, False, True]
    sd = np.log(volumes.deadweight_t.reshape(-1, 4)).std(axis=0)
    assert sd == pytest.approx([0.5, 0.239, 0.239, 0.5], rel=0.03)
    middle = np.median(volumes.deadweight_t.reshape(-1, 4), axis=0)
    assert middle[3] == pytest.approx(deadweight_t(140.0), rel=0.03)
    outside = volumes.barrels.reshape(-1, 4)[:, [0, 3]].sum() / volumes.barrels.sum()
    assert outside_fit_share([volumes]) == pytest.approx(outside)


def test_the_share_outside_the_fit_of_no_barrels_is_not_a_number() -> None:
    assert np.isnan(outside_fit_share([make_volumes([])]))


def test_the_residual_belongs_to_the_ship() -> None:
    """n visits of k ships chosen at random: the mean of ln DWT has variance (1/k + 1/n) about."""
    stays = make_stays(draws=4000, per_draw=40)

    def sd_of_mean(ships: int | None) -> float:
        (volumes,) = volumes_of([stays], replace(PLAIN, ships=ships))
        return float(np.log(volumes.deadweight_t).reshape(4000, 40).mean(axis=1).std())

    assert sd_of_mean(None) == pytest.approx(0.239 / 40**0.5, rel=0.05)
    assert sd_of_mean(1) == pytest.approx(0.239, rel=0.05)
    pairs = 1 / 40 + (39 / 40) / 10  # two visits are one ship's with probability 1/10
    assert sd_of_mean(10) == pytest.approx(0.239 * pairs**0.5, rel=0.05)


def test_a_ship_keeps_her_residual_within_a_draw_only() -> None:
    (volumes,) = volumes_of([make_stays(draws=50, per_draw=8)], replace(PLAIN, ships=2))
    found = [set(row) for row in volumes.deadweight_t.reshape(50, 8).tolist()]
    assert max(len(ships) for ships in found) == 2
    assert len(set.union(*found)) == sum(len(ships) for ships in found)


@pytest.mark.parametrize("length_m", [0.0, -5.0, float("nan")])
def test_a_length_that_is_none_is_refused(length_m: float) -> None:
    with pytest.raises(InputError, match=r"RUVYP/oil has length .* expected metres above 0"):
        volumes_of([make_stays(draws=3, length_m=length_m)], PLAIN)


# --- barrels ------------------------------------------------------------------------------------


def test_the_reported_tanker() -> None:
    """The domain page: 23,256 bbl = 3,281 dwt x .95 x 7.46."""
    length = (3281 / 0.00612024) ** (1 / 2.9628)
    stays = make_stays(draws=40_001, seen=1, length_m=length)
    entry = CargoEntry("v0", Cargo.LADEN_OUT, "the report", load=0.95)
    (volumes,) = volumes_of([stays], PLAIN, [entry])
    assert np.median(volumes.barrels) == pytest.approx(23_256, rel=0.005)
    assert loads(volumes) == pytest.approx(0.95)


def test_official_totals_rest_on_one_capacity() -> None:
    """2018: 89 port calls; the published totals must come out of any one of them."""
    official = {"33 %": 506_529, "50 %": 759_793, "90 %": 1_367_628}
    stays = make_stays(draws=20, per_draw=89)
    volumes = volumes_of([stays], PLAIN)
    edges = [ORIGIN, ORIGIN + timedelta(days=300)]
    full = scenario_in(volumes, edges, "90 %") / official["90 %"]
    assert set(OFFICIAL_LOADS) == set(official)
    for name, total in official.items():
        assert scenario_in(volumes, edges, name) / full == pytest.approx(total, abs=1)
    tonnes = volumes[0].deadweight_t.reshape(20, 89).sum(axis=1)
    assert scenario_in(volumes, edges, "50 %")[:, 0] == pytest.approx(tonnes * 0.5 * 7.46)


@pytest.mark.parametrize(
    ("mean", "common_sd", "visit_sd"),
    [(0.75, 0.12, 0.12), (0.9, 0.1, 0.05), (0.6, 0.0, 0.2), (0.6, 0.2, 0.0), (0.5, 0.4, 0.25)],
)
def test_load_has_the_mean_and_the_two_widths_asked_for(
    mean: float, common_sd: float, visit_sd: float
) -> None:
    """Of the mean of n loads the variance is common + visit / n: the first does not average out."""
    settings = replace(
        PLAIN, load_mean=mean, load_common_sd=common_sd, load_visit_sd=visit_sd, seed=3
    )
    (volumes,) = volumes_of([make_stays(draws=8000, per_draw=25)], settings)
    load = loads(volumes)
    assert np.isfinite(load).all()
    assert load.min() >= 0
    assert load.max() <= 1 + 1e-12
    assert load.mean() == pytest.approx(mean, abs=0.012)
    assert load.var() == pytest.approx(common_sd**2 + visit_sd**2, rel=0.06)
    of_mean = common_sd**2 + visit_sd**2 / 25
    assert load.mean(axis=1).var() == pytest.approx(of_mean, rel=0.06)


def test_only_the_shared_part_of_the_load_stays_in_a_total() -> None:
    """The same width of one visit: shared, the total of 43 is wide; not shared, six times less."""

    def width(common_sd: float, visit_sd: float) -> float:
        settings = replace(PLAIN, load_common_sd=common_sd, load_visit_sd=visit_sd)
        (volumes,) = volumes_of([make_stays(draws=4000, per_draw=43)], settings)
        _, low, high = band(loads(volumes).mean(axis=1, keepdims=True), 0.9)
        return float(high[0] - low[0])

    assert width(0.1, 0.0) / width(0.0, 0.1) == pytest.approx(43**0.5, rel=0.08)


def test_products_come_in_their_shares_and_together() -> None:
    """The draws' mix is a Dirichlet: two visits agree beyond chance by 1 / (concentration + 1)."""
    shares = {"gasoline": 0.3, "gasoil": 0.7}
    settings = replace(PLAIN, product_shares=shares, product_visits=4.0)
    settings = replace(settings, load_common_sd=0.0, load_visit_sd=0.0)
    (volumes,) = volumes_of([make_stays(draws=8000, per_draw=10)], settings)
    k = (volumes.barrels / volumes.deadweight_t / settings.load_mean).reshape(8000, 10)
    gasoline = np.isclose(k, 8.35)
    assert (gasoline | np.isclose(k, 7.46)).all()
    assert gasoline.mean() == pytest.approx(0.3, abs=0.02)
    of_mean = 0.3 * 0.7 * (1 / 5 + (1 - 1 / 5) / 10)
    assert gasoline.mean(axis=1).var() == pytest.approx(of_mean, rel=0.08)


def test_the_trade_is_shared_by_all_berths_of_a_draw() -> None:
    settings = replace(PLAIN, load_visit_sd=0.0)
    berths = [make_stays(draws=200), make_stays(draws=200, port="KPCHO")]
    here, there = volumes_of(berths, settings)
    assert loads(here) == pytest.approx(loads(there))
    assert np.corrcoef(here.deadweight_t, there.deadweight_t)[0, 1] < 0.3


def test_another_berth_changes_no_number_and_the_seed_all() -> None:
    berths = [make_stays(draws=50, per_draw=3), make_stays(draws=50, port="KPCHO")]
    alone = volumes_of(berths[:1], PLAIN)[0].barrels
    assert (volumes_of(berths[::-1], PLAIN)[1].barrels == alone).all()
    assert (volumes_of(berths, replace(PLAIN, seed=1))[0].barrels != alone).all()


def test_only_oil_terminals_count_unless_told() -> None:
    kinds = {"oil": BerthKind.OIL_TERMINAL, "coal": BerthKind.BULK}
    port = make_port()
    berths = tuple(replace(make_berth(id=name), kind=kind) for name, kind in kinds.items())
    port = replace(port, id="RUVYP", berths=berths)
    stays = [make_stays(draws=1, berth=name) for name in kinds]
    assert counted_stays(stays, [port], PLAIN) == (stays[0],)
    bulk = replace(PLAIN, berth_kinds=frozenset({BerthKind.BULK}))
    assert counted_stays(stays, [port], bulk) == (stays[1],)


# --- analysts' entries --------------------------------------------------------------------------


def test_an_entry_is_used_in_every_draw_and_the_prior_elsewhere() -> None:
    entries = [
        CargoEntry("v0", Cargo.BALLAST, "patrol photograph"),
        CargoEntry("v1", Cargo.LADEN_OUT, "bill of lading", barrels=21_000.0),
        CargoEntry("v2", Cargo.LADEN_OUT, "draught marks", load=0.9),
        CargoEntry("v3", Cargo.LADEN_OUT, "draught marks"),
        CargoEntry("elsewhere", Cargo.BALLAST, "another berth's"),
    ]
    stays = make_stays(draws=500, per_draw=6, seen=5)
    (volumes,) = volumes_of([stays], replace(PLAIN, laden_share=0.0), entries)
    barrels, load = volumes.barrels.reshape(500, 6), loads(volumes)
    assert (barrels[:, 0] == 0).all()
    assert (barrels[:, 1] == 21_000).all()
    assert load[:, 2] == pytest.approx(0.9)
    assert (load[:, 3] > 0).all()  # laden by its entry, how full by the prior
    assert len(np.unique(load[:, 3])) == 500
    assert (barrels[:, 4:] == 0).all()  # no entry: the prior, which here says that none is laden

    (volumes,) = volumes_of([stays], PLAIN, entries)
    assert (volumes.barrels.reshape(500, 6)[:, 4:] > 0).all()


def test_an_entry_of_the_other_direction_moves_nothing() -> None:
    settings = replace(PLAIN, counted_cargo=frozenset({Cargo.LADEN_OUT}))
    entries = [
        CargoEntry("v0", Cargo.LADEN_IN, "draught marks", barrels=9000.0),
        CargoEntry("v1", Cargo.LADEN_OUT, "draught marks", barrels=9000.0),
    ]
    (volumes,) = volumes_of([make_stays(draws=2, per_draw=2, seen=2)], settings, entries)
    assert volumes.barrels.tolist() == [0, 9000, 0, 9000]


def test_the_laden_share_of_stays_without_an_entry() -> None:
    settings = replace(PLAIN, laden_share=0.6)
    (volumes,) = volumes_of([make_stays(draws=10_000)], settings)
    assert (volumes.barrels > 0).mean() == pytest.approx(0.6, abs=0.02)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_entries_are_read(tmp_path: Path) -> None:
    text = (
        "visit_id,what,load,barrels,source\n"
        'v0,laden_out,0.9,,"photograph, 7 March"\n'
        "\n"
        "v1,ballast,,,patrol\n"
        "v2, laden_in ,,21000,customs\n"
    )
    assert read_entries(write(tmp_path / "e.csv", "\ufeff" + text), {"v0", "v1", "v2"}) == (
        CargoEntry("v0", Cargo.LADEN_OUT, "photograph, 7 March", load=0.9),
        CargoEntry("v1", Cargo.BALLAST, "patrol"),
        CargoEntry("v2", Cargo.LADEN_IN, "customs", barrels=21_000.0),
    )


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "line 1: the columns are missing"),
        ("visit_id,what\nv0,ballast\n", "line 1: .* expected visit_id, what, source"),
        ("visit_id,what,source,note\n", "line 1: .*note"),
        ("visit_id,what,source,what\n", "line 1: .* each once"),
        ("visit_id,what,source\n\nv0,ballast\n", "line 3: 2 fields; expected 3"),
        ("visit_id,what,source\nv0,ballast,a,b\n", "line 2: 4 fields; expected 3"),
        ("visit_id,what,source\nv0,empty,a\n", "line 2: what is 'empty'; .* laden_in, laden_out"),
        ("visit_id,what,source\nv0,ballast, \n", "line 2: no source"),
        ("visit_id,what,source\nwisit-1,ballast,a\n", "line 2: .* did you mean 'visit-1'"),
        ("visit_id,what,source\n,ballast,a\n", "line 2: there is no visit ''"),
        ("visit_id,what,source\nv0,ballast,a\nv0,ballast,b\n", "line 3: .* entered on line 2"),
        ("visit_id,what,source,load\nv0,laden_out,a,90\n", "line 2: load is '90'; .* at most 1"),
        ("visit_id,what,source,load\nv0,laden_out,a,nan\n", "line 2: load is 'nan'"),
        ("visit_id,what,source,load\nv0,laden_out,a,x\n", "line 2: load is 'x'"),
        ("visit_id,what,source,barrels\nv0,laden_out,a,inf\n", "line 2: barrels is 'inf'"),
        ("visit_id,what,source,barrels\nv0,laden_out,a,-1\n", "line 2: barrels is '-1'"),
        ("visit_id,what,source,barrels\nv0,ballast,a,5\n", "line 2: ballast with load none"),
        ("visit_id,what,source,load,barrels\nv0,laden_in,a,.5,5\n", "line 2: .* at most one"),
        ('visit_id,what,source\nv0,ballast,"a\n', "line 2: not CSV"),
    ],
)
def test_entries_are_refused_with_their_line(tmp_path: Path, text: str, refusal: str) -> None:
    with pytest.raises(InputError, match=refusal):
        read_entries(write(tmp_path / "e.csv", text), {"v0", "visit-1"})


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_entries(tmp_path / "none.csv", set())
    (tmp_path / "latin.csv").write_bytes(b"visit_id,what,source\nv0,ballast,caf\xe9\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_entries(tmp_path / "latin.csv", {"v0"})


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"load_mean": 1.0}, "load_mean is 1.0; expected"),
        ({"load_mean": float("nan")}, "load_mean is nan"),
        ({"load_common_sd": -0.1}, "load_common_sd is -0.1"),
        ({"load_visit_sd": -0.1}, "load_visit_sd is -0.1"),
        ({"load_common_sd": 0.4, "load_visit_sd": 0.4}, "less than 0.433"),
        ({"product_shares": {"diesel": 1.0}}, "only gasoline, kerosene, gasoil, residual"),
        ({"product_shares": {"gasoil": 0.9}}, "sum to 1"),
        ({"product_shares": {"gasoil": 1.5, "residual": -0.5}}, "shares from 0"),
        ({"product_shares": {}}, "sum to 1"),
        ({"product_visits": 0.0}, "product_visits is 0.0"),
        ({"laden_share": 1.1}, "laden_share is 1.1; expected a share"),
        ({"built_before_2000_share": -0.1}, "built_before_2000_share is -0.1"),
        ({"ships": 0}, "ships is 0; expected at least 1"),
        ({"berth_kinds": frozenset()}, "berth_kinds is none"),
        ({"counted_cargo": frozenset()}, "counted_cargo is none"),
        ({"cap_barrels": 0.0}, "cap_barrels is 0.0"),
        ({"cap_barrels": float("inf")}, "cap_barrels is inf"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_are_refused(change: dict[str, Any], refusal: str) -> None:
    with pytest.raises(InputError, match=refusal):
        VolumeSettings(**change)


# --- sums and the cap ---------------------------------------------------------------------------


def at(month: int, day: int, hour: int = 0, year: int = 2024) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def test_barrels_in_windows() -> None:
    first = make_volumes([(0, at(1, 1), 10), (1, at(1, 31, 23), 20), (0, at(2, 1), 40)], draws=2)
    other = make_volumes([(1, at(1, 15), 1), (1, at(3, 1), 2)], draws=2, origin=at(1, 10))
    edges = [at(1, 1), at(2, 1), at(3, 1)]
    assert barrels_in([first, other], edges).tolist() == [[10, 40], [21, 0]]


def test_the_cap_is_crossed_by_the_cargo_that_exceeds_it() -> None:
    volumes = make_volumes(
        [
            (0, at(5, 1), 200_000),
            (0, at(3, 7), 300_000),  # the cap to the barrel, together with the one above
            (0, at(9, 2, 12), 1),
            (1, at(3, 7), 500_001),
            (2, at(3, 7), 499_999),
            (3, at(6, 1), 900_000),
        ],
        draws=4,
    )
    (year,) = cap_years([volumes], 500_000)
    assert year.complete
    assert year.probability == 0.75
    assert year.total.tolist() == [500_001, 500_001, 499_999, 900_000]
    dates = [year.crossed_at(q) for q in (0.05, 0.5, 0.95)]
    assert dates == [at(3, 7), at(6, 1), at(9, 2, 12)]


def test_the_cap_begins_anew_each_year() -> None:
    volumes = make_volumes(
        [
            (0, at(12, 1), 400_000),
            (0, at(12, 31, 23), 100_000),
            (0, at(1, 1, year=2025), 100_000),
            (0, at(2, 1, year=2025), 400_000),
            (0, at(2, 2, year=2025), 1),
        ],
        days=420,
    )
    first, second = cap_years([volumes], 500_000)
    assert (first.year, first.probability, first.crossed_at(0.5)) == (2024, 0, None)
    assert (second.year, second.crossed_at(0.5)) == (2025, at(2, 2, year=2025))
    assert first.complete
    assert not second.complete
    assert second.covered_from == second.start
    assert second.covered_to == ORIGIN + timedelta(days=420)
    curve = year_to_date([volumes], date(2024, 12, 30), date(2025, 1, 1))
    assert curve.tolist() == [[0, 100_000, 100_000]]


def test_a_year_that_ends_with_the_histories_is_the_last() -> None:
    assert [year.year for year in cap_years([make_volumes([])], 1.0)] == [2024]
    assert [year.year for year in cap_years([make_volumes([], days=366.5)], 1.0)] == [2024, 2025]


def test_a_port_pair_crosses_together_though_neither_does_alone() -> None:
    chongjin = make_volumes([(0, at(3, 1), 300_000), (0, at(5, 1), 150_000)])
    nampo = make_volumes([(0, at(4, 1), 190_000)], origin=at(2, 15), days=100)
    for alone in (chongjin, nampo):
        assert cap_years([alone], 500_000)[0].probability == 0
    (year,) = cap_years([chongjin, nampo], 500_000)
    assert year.crossed_at(0.5) == at(5, 1)
    assert year.covered_from == ORIGIN


def test_a_ship_there_before_day_0_or_after_the_end_is_not_counted() -> None:
    begin = at(3, 1)
    cargoes = [(0, begin - timedelta(hours=1), 5.0), (0, begin, 7.0), (0, at(3, 11), 11.0)]
    (year,) = cap_years([make_volumes(cargoes, origin=begin, days=10)], 1.0)
    assert year.total.tolist() == [7]
    assert not year.complete


def test_berths_with_other_draws_cannot_be_summed() -> None:
    with pytest.raises(InputError, match=r"berths with \[1, 2\] draws"):
        cap_years([make_volumes([]), make_volumes([], draws=2)], 1.0)
    with pytest.raises(InputError, match="no draws"):
        barrels_in([], [at(1, 1), at(2, 1)])


@given(
    cargoes=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 800).map(lambda day: ORIGIN + timedelta(days=day)),
            st.integers(0, 400),
        ),
        max_size=30,
    ),
    cap=st.integers(1, 1500),
)
def test_the_cap_agrees_with_counting_by_hand(
    cargoes: list[tuple[int, datetime, float]], cap: int
) -> None:
    volumes = make_volumes(cargoes, draws=3, days=801)
    curve = year_to_date([volumes], date(2024, 1, 1), date(2026, 3, 11))
    passed = 0
    for year in cap_years([volumes], cap):
        days = (datetime(year.year + 1, 1, 1, tzinfo=UTC) - year.start).days
        covered = curve[:, passed : passed + days]
        passed += days
        assert (year.total == covered[:, -1]).all()
        for draw in range(3):
            total, crossed = 0.0, np.inf
            for _, when, barrels in sorted(c for c in cargoes if c[0] == draw):
                total += barrels if when.year == year.year else 0
                if total > cap and np.isinf(crossed):
                    crossed = (when - year.start).days
            assert year.crossed[draw] == crossed
            assert year.total[draw] == total


def test_the_median_date_lies_where_the_curve_crosses() -> None:
    """Half of the draws are over the cap at the day when the median curve is."""
    (volumes,) = volumes_of([make_stays(draws=801, per_draw=60)], PLAIN)
    (year,) = cap_years([volumes], 500_000)
    middle, low, high = band(year_to_date([volumes], date(2024, 1, 1), date(2024, 10, 26)), 0.9)
    assert (np.diff(middle) >= 0).all()
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert year.probability > 0.95
    by_day = np.array([(year.crossed <= n + 1).mean() for n in range(len(middle))])
    assert ((by_day >= 0.5) == (middle > 500_000)).all()
