"""What is known of each column: whether it follows people's ratings of distorted clips.

`findings.json` holds the results of one `svbench validate` that tables state below their columns,
`findings-miniature.json` those of one on drawn clips: of the small networks alone, which tables of
drawn clips state. docs/make_validity.py writes them; they are never edited by hand.

Conventions
-----------
A finding holds for what was measured: the extractor (its key names detectors and weights), the
settings of the score that decide its values, and the clip format, unless every clip was judged as
it was made. All of these form the key of a finding; a column with another key is not measured.

References
----------
- L. Goncalves et al.: PEAVS: perceptual evaluation of audio-visual synchrony grounded in viewers'
  opinion scores. ECCV 2024. https://arxiv.org/abs/2404.07336 (the ratings)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from svbench._version import __version__
from svbench.compute import digest_settings
from svbench.errors import DataError
from svbench.files.text import read_json
from svbench.files.validity import Measured, Validity
from svbench.intervals import INTERVAL_ONLY
from svbench.types import ClipSpec, HumanAgreement

FINDINGS: Final = "findings.json"
DRAWN: Final = "findings-miniature.json"
SMALL: Final = "+miniature"  # of the name of a column: by the small networks that come with svbench
DIGITS: Final = 4  # decimals of a correlation
OTHERWISE: Final = "measured with other settings, weights or clip format only"

Findings = Mapping[str, HumanAgreement]  # by the name of the column
_ADAPTER: Final = TypeAdapter(dict[str, HumanAgreement])


def load_findings(path: Path | None = None, *, drawn: bool = False) -> Findings:
    """Load the findings that ship with svbench, or those of a file.

    Parameters
    ----------
    path : Path or None
        the file (Default value = None: that which ships)
    drawn : bool
        whether those on drawn clips are meant of the two that ship (Default value = False)

    Raises
    ------
    DataError
        if the file holds something else
    """
    name = DRAWN if drawn else FINDINGS
    file = path or Path(str(files("svbench.metrics.validity"))) / name
    try:
        return _ADAPTER.validate_python(read_json(file, "findings on validity"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{file}: found {first['msg'].lower()} at {where!r}, expected findings on validity"
        ) from None


def dump_findings(found: Validity, *, drawn: bool = False) -> str:
    """Return the text of findings.json: one finding for each column that was compared.

    Of drawn clips (`findings-miniature.json`), only columns of the small networks have one: these
    were trained on such clips, whereas what other columns make of them tells nothing of real ones.
    """
    findings = {
        name: asdict(finding) for name, finding in _findings(found) if SMALL in name or not drawn
    }
    return json.dumps(findings, indent=1, ensure_ascii=False) + "\n"


def _findings(found: Validity) -> Iterator[tuple[str, HumanAgreement]]:
    for measured in found.metrics:
        agreement = measured.agreement
        if agreement is None:
            continue
        low_high = agreement.interval
        yield (
            measured.metric,
            HumanAgreement(
                spearman=round(agreement.value, DIGITS),
                interval=low_high and (round(low_high[0], DIGITS), round(low_high[1], DIGITS)),
                conditions=agreement.conditions,
                clips=measured.count,
                material=found.clips,
                svbench=str(found.record.get("svbench", __version__)),
                fitted_on=measured.fitted_on,
                settings=_key_of(measured, found.spec),
            ),
        )


def _key_of(measured: Measured, spec: ClipSpec) -> str:
    if not measured.extractor:
        raise DataError(
            f"{measured.metric}: found no key of its extractor in what svbench validate wrote, "
            "expected one: without it, nobody knows which weights were measured"
        )
    return settings_key(measured.extractor, measured.settings, spec)


def settings_key(extractor: str, settings: Mapping[str, Any], spec: ClipSpec) -> str:
    """Return the digest of all that decides the values of a column.

    Parameters
    ----------
    extractor : str
        key of its extractor
    settings : mapping of str to Any
        of the score; those of intervals and notes alone do not count
    spec : ClipSpec
        the format that clips are judged in; it does not count for native clips
    """
    decides = {name: value for name, value in settings.items() if name not in INTERVAL_ONLY}
    judged = "native" if settings.get("view") == "native" else str(spec)
    return digest_settings({"extractor": extractor, "format": judged, "score": decides}, 16)


def finding_of(findings: Findings, name: str, key: str) -> HumanAgreement:
    """Return the finding of a column with this key, or one that says why there is none."""
    found = findings.get(name)
    if found is None:
        return HumanAgreement(None)
    return found if found.settings == key else HumanAgreement(None, reason=OTHERWISE)
