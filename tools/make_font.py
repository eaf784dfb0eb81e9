"""Cut Noto Sans SC to what reports need: one TrueType file for charts, one WOFF2 file for pages.

Usage: python tools/make_font.py NotoSansSC-Regular.ttf OFL.txt

Needs fonttools and brotli (no part of the project's environment: the two files are committed). The source used is
version 2.004 of Noto Sans SC Regular, TrueType outlines, as it lies in the Python package zhplot 1.0.0. The same
source gives the same bytes. Hinting and layout features are dropped; letters that the source lacks are listed.

The licence (SIL Open Font License 1.1) keeps the name "Source" for the original. The cut font has a family name of
its own, so that neither a page nor a chart can take it for the whole font that a reader may have installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ASSETS = Path(__file__).resolve().parent.parent / "ohstats" / "template" / "assets"
FAMILY = "Ohstats Sans SC"
SIGNS = "−–—·…“”‘’✓✗▲▼●○≥≤±×→"
NAMES = {1: FAMILY, 3: f"2.004;{FAMILY}", 4: f"{FAMILY} Regular", 6: FAMILY.replace(" ", "")}
KEPT = (0, 2, 5, 7, 13, 14)  # copyright, style, version, trademark, licence, its address


def wanted() -> set[int]:
    """Code points of GB 2312, printable ASCII, Latin-1, Latin Extended-A and the signs of our tables."""
    pairs = (bytes((row, cell)) for row in range(0xA1, 0xF8) for cell in range(0xA1, 0xFF))
    hanzi = {ord(char) for pair in pairs for char in pair.decode("gb2312", "ignore")}
    return hanzi | set(range(0x20, 0x7F)) | set(range(0xA0, 0x180)) | set(map(ord, SIGNS))


def cut(source: Path) -> TTFont:
    """Return the font with the wanted letters only, under its own name."""
    font = TTFont(source, recalcTimestamp=False)
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=list(KEPT))
    options.drop_tables += ["BASE", "STAT", "vhea", "vmtx", "GSUB", "GPOS", "GDEF"]
    letters = wanted()
    missing = sorted(letters - font.getBestCmap().keys())
    print(f"{len(letters) - len(missing)} letters; not in the source: {' '.join(map(chr, missing)) or 'none'}")
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=letters)
    cutter.subset(font)
    for number, text in NAMES.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    return font


def main() -> None:
    """Write both fonts and the licence."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, licence = map(Path, sys.argv[1:])
    font = cut(source)
    for name, flavor in (("NotoSansSC-subset.ttf", None), ("NotoSansSC-subset.woff2", "woff2")):
        font.flavor = flavor
        font.save(ASSETS / name)
        print(f"{name}: {(ASSETS / name).stat().st_size / 1e6:.2f} MB")
    text = licence.read_text(encoding="utf-8")
    (ASSETS / "OFL.txt").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
