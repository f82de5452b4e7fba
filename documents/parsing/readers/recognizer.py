"""Lines of a picture by text recognition (OCR): RapidOCR, with the models of its own package.

Imported by a child that was started for it, before it is confined: the models are read from disk
then, and nothing is fetched from anywhere.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pypdfium2
from rapidocr import RapidOCR

from documents.parsing import clean
from documents.parsing.readers.pdf_lines import Line

WIDTH = 1654  # pixels that a page is drawn wide: A4 at 200 dots an inch
_TALLEST = 4  # times the width; a longer page is drawn narrower
_SURE = 0.5  # of what is read; below it is more often dirt than text
_HEADING = 1.35  # times the usual height of a line
_TYPE = 0.75  # of a line's height that its type is high
_COLUMN_CHARACTERS = 20  # of a usual line where a gap parts columns; a table's cells are shorter
_COLUMN_LINES = 5

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Recognizer:
    """Reads pictures, one after the other."""

    def __init__(self) -> None:
        self._engine = RapidOCR(
            params={
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def page_lines(self, page: pypdfium2.PdfPage) -> list[Line]:
        """Return the lines that are seen on a page, their places in points."""
        across, down = page.get_size()
        scale = min(WIDTH / max(across, 1.0), _TALLEST * WIDTH / max(down, 1.0))
        bitmap = page.render(scale=scale, rev_byteorder=True)
        try:
            picture = bitmap.to_pil().convert("RGB")
        finally:
            bitmap.close()
        return self.lines(np.asarray(picture), scale)

    def lines(self, picture: np.ndarray[Any, Any], scale: float = 1.0) -> list[Line]:
        """Return the lines of a picture (RGB), in reading order; `scale` is pixels a unit."""
        found = self._engine(picture[:, :, ::-1])
        if found.boxes is None:
            return []
        read = [
            (clean.line(text), _around(box, scale))
            for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if score >= _SURE
        ]
        read = [(text, box) for text, box in read if text]
        if not read:
            return []
        height = picture.shape[0] / scale
        usual = median(bottom - top for _, (_, top, _, bottom) in read)
        return [
            _line(row, height, usual) for column in _columns(read) for row in _rows(column, usual)
        ]


def _around(corners: Any, scale: float) -> Box:
    xs, ys = np.asarray(corners)[:, 0] / scale, np.asarray(corners)[:, 1] / scale
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _columns(read: list[tuple[str, Box]]) -> list[list[tuple[str, Box]]]:
    """Part the page where a gap runs down its middle between lines that are long enough."""
    left = min(box[0] for _, box in read)
    right = max(box[2] for _, box in read)
    spans = sorted((box[0], box[2]) for _, box in read)
    reached, gaps = spans[0][1], []
    for begin, end in spans[1:]:
        if begin > reached:
            gaps.append((begin - reached, (begin + reached) / 2))
        reached = max(reached, end)
    for _, middle in sorted(gaps, reverse=True):
        share = (middle - left) / max(right - left, 1.0)
        sides = [
            [each for each in read if each[1][2] <= middle],
            [each for each in read if each[1][0] >= middle],
        ]
        if 0.3 < share < 0.7 and all(map(_is_column, sides)):
            return sides
    return [read]


def _is_column(side: list[tuple[str, Box]]) -> bool:
    return (
        len(side) >= _COLUMN_LINES and median(len(text) for text, _ in side) >= _COLUMN_CHARACTERS
    )


def _rows(read: list[tuple[str, Box]], usual: float) -> list[list[tuple[str, Box]]]:
    """Gather what stands on one line, from top to bottom, each from left to right."""
    rows: list[list[tuple[str, Box]]] = []
    for each in sorted(read, key=lambda item: (item[1][1] + item[1][3]) / 2):
        middle = (each[1][1] + each[1][3]) / 2
        if rows:
            last = rows[-1][-1][1]
            if middle - (last[1] + last[3]) / 2 < usual / 2:
                rows[-1].append(each)
                continue
        rows.append([each])
    return [sorted(row, key=lambda item: item[1][0]) for row in rows]


def _line(row: list[tuple[str, Box]], height: float, usual: float) -> Line:
    """Return a row as a line; what stands far apart in it are cells."""
    text, cells, last_left = row[0][0], False, row[0][1][0]
    for (_, before), (part, box) in pairwise(row):
        far = box[0] - before[2] > usual
        text += f" | {part}" if far else f" {part}"
        cells, last_left = cells or far, box[0] if far else last_left
    high = max(box[3] - box[1] for _, box in row)
    # Heights differ by a letter's tail: all but clear headings are of one size.
    size = high if high >= usual * _HEADING else usual
    return Line(
        text=text,
        left=row[0][1][0],
        last_left=last_left,
        right=max(box[2] for _, box in row),
        baseline=height - max(box[3] for _, box in row),
        size=round(size * _TYPE, 1),
        bold=False,
        soft=False,
        cells=cells,
    )
