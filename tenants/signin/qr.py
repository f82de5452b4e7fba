"""QR codes as SVG paths."""

from typing import Any

from reportlab.graphics.barcode import qrencoder


def qr_path(text: str) -> tuple[int, str]:
    """Return the width in modules with the quiet zone of four, and the path of the dark ones."""
    code: Any = qrencoder.QRCode(None, qrencoder.QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    size = code.getModuleCount()
    dark = [
        f"M{column + 4} {row + 4}h1v1h-1z"
        for row in range(size)
        for column in range(size)
        if code.isDark(row, column)
    ]
    return size + 8, "".join(dark)
