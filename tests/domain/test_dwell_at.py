"""Lengths of stay at single berths are refused where they name no berth."""

from __future__ import annotations

import pytest

from jobs.domain import Dwell, EstimateSettings, refuse_unknown_berths
from jobs.errors import InputError
from tests.support.factories import make_port

STAY = Dwell(1.6, 1.4, 1.9, "AIS")


def settings(name: str) -> EstimateSettings:
    return EstimateSettings(dwell_at={name: STAY})


def test_every_berth_of_the_ports_will_do() -> None:
    port = make_port()
    for berth in port.berths:
        refuse_unknown_berths(settings(f"{port.id}/{berth.id}"), [port])


def test_a_slip_is_met_with_the_nearest_berth() -> None:
    port = make_port()
    name = f"{port.id}/{port.berths[0].id}"
    with pytest.raises(InputError, match=f"{name}x.*no berth.*did you mean '{name}'"):
        refuse_unknown_berths(settings(name + "x"), [port])


def test_a_berth_of_another_port_is_named_with_those_there_are() -> None:
    port = make_port()
    with pytest.raises(InputError, match=f"expected one of {port.id}/"):
        refuse_unknown_berths(settings("ZZZZZ/nowhere-at-all"), [port])
