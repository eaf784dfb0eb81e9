"""Outlines of places from the user's own map (`map.geojson` in the data set), small enough to travel with a slice."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from . import files
from .errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .dataset import Dataset

NAME = "map.geojson"
STEPS = 600
"""Points are rounded to so many steps of the map's longer side: finer than the page shows."""

Ring = list[list[float]]


def read(chosen: Dataset) -> dict[str, list[Ring]]:
    """Rings of each place by code; empty without a map.

    A feature belongs to the place whose six-digit code one of its properties holds, whatever the property is called.
    Features of other places are left out. Not a source of areas: the outlines are coarse.

    Raises
    ------
    FileRefused
        The file is no GeoJSON collection of polygons in degrees, or none of its features names a place of the data set.
    """
    path = chosen.folder / NAME
    if not path.is_file():
        return {}
    known = set(chosen.places["code"])
    found: dict[str, list[Ring]] = {}
    try:
        for feature in json.loads(files.read_bytes(path))["features"]:
            codes = known & {str(value) for value in (feature.get("properties") or {}).values()}
            if len(codes) == 1:
                found.setdefault(codes.pop(), []).extend(_rings(feature["geometry"]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FileRefused(
            "{file} cannot be read: it must be a GeoJSON FeatureCollection of polygons in degrees.", file=NAME
        ) from error
    if not found:
        raise FileRefused(
            "{file}: no feature has a property that holds the six-digit code of a place in places.csv; add one.", file=NAME
        )
    return _coarse(found)


def _rings(geometry: dict[str, Any]) -> Iterator[Ring]:
    if geometry["type"] not in ("Polygon", "MultiPolygon"):
        raise ValueError
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    for ring in (ring for polygon in polygons for ring in polygon):
        points = [[float(point[0]), float(point[1])] for point in ring]
        if not all(math.isfinite(x) and abs(x) <= 360 and abs(y) <= 90 for x, y in points):
            raise ValueError
        yield points


def _coarse(found: dict[str, list[Ring]]) -> dict[str, list[Ring]]:
    points = [point for rings in found.values() for ring in rings for point in ring]
    step = max(max(axis) - min(axis) for axis in zip(*points, strict=True)) / STEPS or 1.0
    made = {}
    for code, rings in found.items():
        rounded = [[[round(x / step) * step, round(y / step) * step] for x, y in ring] for ring in rings]
        kept = [[point for number, point in enumerate(ring) if not number or point != ring[number - 1]] for ring in rounded]
        made[code] = [ring for ring in kept if len(ring) > 3] or [max(rounded, key=len)]
    return made
