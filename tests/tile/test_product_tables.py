"""Tables of calibration and noise: what they say, and broken ones that are refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.domain import Source
from jobs.errors import SceneError
from jobs.simulate.radar.tables import calibration_xml, gamma_of, noise_over, noise_xml
from jobs.tile import product_tables
from jobs.tile.product_tables import calibration_of, noise_of
from jobs.tile.raster import Place

SHAPE = (1900, 1300)
ROWS, COLUMNS = np.arange(300.0, 340.0), np.arange(901.0, 960.0)


def source(tmp_path, calibration: str = "", noise: str = "") -> Source:
    for name, text in (("calibration", calibration), ("noise", noise)):
        (tmp_path / f"{name}.xml").write_text(text)
    return Source(
        "image.tiff", 1, 4326, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), SHAPE,
        calibration=str(tmp_path / "calibration.xml"), noise=str(tmp_path / "noise.xml"),
    )  # fmt: skip


def read_calibration(tmp_path, text: str):
    return calibration_of(source(tmp_path, text), Place("image.tiff"), "vv")


def read_noise(tmp_path, text: str):
    return noise_of(source(tmp_path, noise=text), Place("image.tiff"), "vv")


def test_values_between_vectors_are_bilinear(tmp_path):
    text = """<calibration><adsHeader><productType>GRD</productType><polarisation>VV</polarisation>
    </adsHeader><calibrationVectorList>
    <calibrationVector><line>0</line><pixel>0 10</pixel><sigmaNought>1 1</sigmaNought>
    <gamma>100 200</gamma></calibrationVector>
    <calibrationVector><line>20</line><pixel>0 5 10</pixel><sigmaNought>1 1 1</sigmaNought>
    <gamma>300 300 400</gamma></calibrationVector>
    </calibrationVectorList></calibration>"""
    gamma = read_calibration(tmp_path, text).gamma
    found = gamma.over(np.array([0.0, 5.0, 20.0]), np.array([0.0, 5.0, 7.5]))
    assert found == pytest.approx(
        np.array([[100, 150, 175], [150, 187.5, 218.75], [300, 300, 350]])
    )
    assert gamma.covers(np.array([0.0, 39.0]), np.array([0.0, 12.0]))
    assert not gamma.covers(np.array([0.0, 41.0]), np.array([0.0, 12.0]))
    assert not gamma.covers(np.array([0.0, 9.0]), np.array([0.0, 30.0]))


def test_a_vector_elsewhere_may_be_shorter(tmp_path):
    """Those that the bursts of one sub-swath alone have, at the ends of an image."""
    whole = np.arange(0.0, 1300.0, 40.0)
    pixels = (whole, whole, whole[whole >= 400])
    lines = np.array([0.0, 700.0, 1400.0])
    table = product_tables.Table(lines, pixels, tuple(map(np.ones_like, pixels)))
    near, far = np.arange(100.0, 300.0), np.arange(900.0, 1000.0)
    assert table.covers(near, np.arange(100.0, 300.0))
    assert not table.covers(far, np.arange(100.0, 300.0))
    assert table.covers(far, np.arange(500.0, 700.0))
    assert not table.covers(np.arange(2000.0, 2200.0), np.arange(500.0, 700.0))
    assert table.covers(np.arange(-300.0, -100.0), np.arange(100.0, 300.0))


def test_the_simulated_tables_come_back_with_the_incidence_in_them(tmp_path):
    found = read_calibration(tmp_path, calibration_xml("vv", SHAPE))
    assert found.gamma.over(ROWS, COLUMNS) == pytest.approx(
        np.repeat(gamma_of(COLUMNS)[None], len(ROWS), axis=0), rel=1e-5
    )
    angle = np.degrees(found.incidence(ROWS, COLUMNS))
    assert angle == pytest.approx(np.repeat(36 + 6e-4 * COLUMNS[None], len(ROWS), 0), abs=0.01)


def test_noise_is_the_table_in_range_times_the_factors_in_azimuth(tmp_path):
    found = read_noise(tmp_path, noise_xml("vv", -25.0, SHAPE)).over(ROWS, COLUMNS)
    expected = noise_over(-25.0, SHAPE)[300:340, 901:960]
    assert found == pytest.approx(expected, rel=1e-3)
    assert np.ptp(found[:, 0]) > 0.005 * found.mean()  # which the table in range alone is not


def test_a_block_holds_for_its_own_rows_and_columns(tmp_path):
    text = noise_xml("vv", -25.0, SHAPE)
    whole = read_noise(tmp_path, text).over(ROWS, COLUMNS)
    last = f"<lastRangeSample>{SHAPE[1] - 1}</lastRangeSample>"
    cut = read_noise(tmp_path, text.replace(last, "<lastRangeSample>930</lastRangeSample>"))
    found = cut.over(ROWS, COLUMNS)
    assert np.array_equal(found[:, :30], whole[:, :30])
    assert (found[:, 30:] < whole[:, 30:]).all()


def test_products_from_before_2018_have_the_table_in_range_alone(tmp_path):
    text = noise_xml("vv", -25.0, SHAPE)
    start = text.index("<noiseAzimuthVectorList")
    old = text[:start] + "</noise>"
    old = old.replace("noiseRangeVectorList", "noiseVectorList")
    old = old.replace("noiseRangeVector", "noiseVector").replace("noiseRangeLut", "noiseLut")
    assert np.ptp(read_noise(tmp_path, old).over(ROWS, COLUMNS)[:, 0]) == 0


def test_a_newer_table_without_its_factors_in_azimuth_is_refused(tmp_path):
    text = noise_xml("vv", -25.0, SHAPE)
    start = text.index("<noiseAzimuthVectorList")
    with pytest.raises(SceneError, match="has no vectors with noiseAzimuthLut"):
        read_noise(tmp_path, text[:start] + "</noise>")


GOOD = calibration_xml("vv", SHAPE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no XML"),
        (GOOD[:500], "it is no XML"),
        (noise_xml("vv", -25.0, SHAPE), "its root is 'noise', expected 'calibration'"),
        (calibration_xml("vh", SHAPE), "its polarisation is 'VH', expected 'VV'"),
        (GOOD.replace("GRD", "SLC"), "its productType is 'SLC', expected 'GRD'"),
        (GOOD.replace("gamma", "gama"), "gamma has 0 numbers"),
        (GOOD.replace("calibrationVector>", "vector>"), "it has no vectors with gamma"),
        (GOOD.replace("<line>350</line>", "<line>x</line>"), "line is 'x', expected a whole"),
        (GOOD.replace("<line>350</line>", "<line>9999</line>"), "its lines do not increase"),
        (GOOD.replace("0 40 80", "0 80 40"), "at two and more that increase"),
        (GOOD.replace("4.740000e+02", "much"), None),
        (GOOD.replace(' count="34"', ' count="33"'), "has 34 numbers, expected 33"),
    ],
)
def test_a_broken_table_is_refused(tmp_path, text, said):
    if said is None:  # beta nought, which is not read
        read_calibration(tmp_path, text)
        return
    with pytest.raises(SceneError, match=said) as failure:
        read_calibration(tmp_path, text)
    assert "is no table of calibration that can be used" in str(failure.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-1.0", "0"])
def test_values_that_calibrate_nothing_are_refused(tmp_path, value):
    first = f"{gamma_of(np.array([0.0]))[0]:.6e}"
    assert first in GOOD
    with pytest.raises(SceneError, match="gamma has"):
        read_calibration(tmp_path, GOOD.replace(first, value))


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE c [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE c [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE c SYSTEM "http://127.0.0.1/product.dtd">',
    ],
)
def test_a_document_type_is_refused_before_anything_is_read(tmp_path, declared):
    head, rest = GOOD.split("\n", 1)
    with pytest.raises(SceneError, match="it declares a document type"):
        read_calibration(tmp_path, f"{head}\n{declared}\n{rest}")


def test_another_encoding_cannot_hide_one(tmp_path):
    there = source(tmp_path)
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE c [<!ENTITY a "a">]><c>&a;</c>'
    (tmp_path / "calibration.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(SceneError, match="it is no XML"):
        calibration_of(there, Place("image.tiff"), "vv")


def test_a_missing_or_too_large_file_is_said(tmp_path, monkeypatch):
    there = source(tmp_path, GOOD, noise_xml("vv", -25.0, SHAPE))
    (tmp_path / "calibration.xml").unlink()
    with pytest.raises(SceneError, match=r"calibration\.xml is not there: without its table"):
        calibration_of(there, Place("image.tiff"), "vv")
    monkeypatch.setattr(product_tables, "MOST_BYTES", 1000)
    with pytest.raises(SceneError, match="expected at most 1000"):
        noise_of(there, Place("image.tiff"), "vv")
