"""A task's state as a small picture, for READMEs."""

from markupsafe import Markup

from baselift.web.values import Chip

_COLOURS = {"good": "#1a7f4b", "warn": "#8a5200", "bad": "#b3261e"}
_OTHER = "#5b5e66"
_HEIGHT, _PAD, _LETTER = 20, 7, 6.6
"""Pixels; letters of the narrowest common fonts are a little narrower, so texts are stretched to their place."""

_SVG = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" aria-label="{label}: {word}">'
    "<title>{label}: {word}</title>"
    '<clipPath id="r"><rect width="{width}" height="{height}" rx="3"/></clipPath><g clip-path="url(#r)">'
    '<rect width="{left}" height="{height}" fill="#33363d"/>'
    '<rect x="{left}" width="{right}" height="{height}" fill="{colour}"/></g>'
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
    '<text x="{pad}" y="14" textLength="{left_text}">{label}</text>'
    '<text x="{at}" y="14" textLength="{right_text}">{word}</text></g></svg>'
)


def draw(label: str, chip: Chip) -> str:
    """The SVG document."""
    left_text, right_text = round(len(label) * _LETTER), round(len(chip.word) * _LETTER)
    left, right = left_text + 2 * _PAD, right_text + 2 * _PAD
    return _SVG.format(
        label=label,
        word=chip.word,
        colour=_COLOURS.get(chip.tone, _OTHER),
        width=left + right,
        height=_HEIGHT,
        left=left,
        right=right,
        pad=_PAD,
        at=left + _PAD,
        left_text=left_text,
        right_text=right_text,
    )
