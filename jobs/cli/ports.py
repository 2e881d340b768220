"""Commands on what comes along: the bundled ports, the known sensors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli.completion import bundled_ids
from jobs.cli.options import AsJson
from jobs.cli.output import say, show
from jobs.cli.program import command_app
from jobs.domain import (
    POINTS_PIXEL_M,
    SENSORS,
    Scene,
    Source,
    bundled_ports,
    json_value,
    load_port,
    looks_swapped,
    port_geojson,
    read_port,
    read_sensor,
    read_text,
    use_sensors,
)
from jobs.errors import InputError

app = command_app()


ports_app = typer.Typer(invoke_without_command=True)
app.add_typer(ports_app, name="ports")


@ports_app.callback()
def ports(context: typer.Context, as_json: AsJson = False) -> None:
    """List the bundled ports, or show one as GeoJSON."""
    if context.invoked_subcommand:
        return
    show([_port_row(load_port(port_id)) for port_id in bundled_ports()], as_json, "none")


def _port_row(port: Any) -> dict[str, Any]:
    return {
        "id": port.id,
        "name": port.name,
        "country": port.country,
        "berths": len(port.berths),
        "area_km2": round(port.grid.width * port.grid.height / 1e4, 1),
        "checked": "approximate" if port.approximate else "yes",
    }


@ports_app.command("show")
def ports_show(
    port: Annotated[
        str, typer.Argument(help="Id, or a GeoJSON file of one's own.", autocompletion=bundled_ids)
    ],
) -> None:
    """Print one port as the GeoJSON that a file of one's own looks like."""
    path = Path(port)
    if path.suffix.lower() in (".json", ".geojson"):
        found = read_port(path)
        doubt = looks_swapped(found)
        if doubt is not None:
            say(doubt)
    else:
        found = load_port(port)
    typer.echo(json.dumps(port_geojson(found), indent=2))


@app.command()
def sensors(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Sensor files of your own (YAML): they are checked, and listed too."),
    ] = None,
    item: Annotated[
        Path | None,
        typer.Option(help="A STAC item (JSON): say what is read of it, by the file's sensor."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the sensors: names for `sensor:` in a job file."""
    own = [read_sensor(path) for path in files or ()]
    use_sensors(own)
    if item is not None:
        show(_read_of(item, [sensor.name for sensor in own]), as_json, "none")
        return
    rows = [
        {"name": s.name, "bands": " ".join(s.bands), "title": s.title, "archive_group": s.family}
        for s in SENSORS.values()
    ]
    show(rows, as_json, "none")


def _read_of(path: Path, names: list[str]) -> list[dict[str, Any]]:
    """What is read of each band of an item; InputError where it cannot be."""
    from jobs.catalog import scene_from_item, sensor_for  # which the list does without

    if len(names) > 1:
        raise InputError(f"an item is read by one sensor, and {', '.join(names)} are given")
    content = json_value(read_text(path, "a STAC item"), str(path), "a STAC item")
    if not isinstance(content, dict) or content.get("type") != "Feature":
        raise InputError(f"{path}: not a STAC item; expected a JSON object of type Feature")
    scene = scene_from_item(content, str(path), sensor_for(content, *names))
    sources = {**scene.bands, **_mask_bands(scene)}
    if scene.mask is None and SENSORS[scene.sensor].mask is not None:
        say(f"the item has no mask that {scene.sensor} knows: its pixels would be unscreened")
    if any(source.on_points for source in scene.bands.values()):
        say(
            "where its pixels lie is in the file's own ground control points, and each band is "
            "calibrated by two tables: see docs/radar.md"
        )
    return [
        {
            "sensor": scene.sensor,
            "band": name,
            "file": source.href,
            "index": source.index,
            "scale": source.scale,
            "offset": source.offset,
            "nodata": source.nodata,
            "pixel_m": POINTS_PIXEL_M if source.on_points else source.transform[0],
            "epsg": source.epsg,
        }
        for name, source in sources.items()
    ]


def _mask_bands(scene: Scene) -> dict[str, Source]:
    """The mask; of one of many bands, each with what it tells of a pixel."""
    mask = SENSORS[scene.sensor].mask
    if scene.mask is None or mask is None:
        return {}
    if not mask.bands:
        return {"mask": scene.mask}
    return {
        f"mask {band.number}: {' '.join(band.words)}": replace(scene.mask, index=band.number)
        for band in mask.bands
    }
