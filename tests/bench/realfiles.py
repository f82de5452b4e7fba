"""Twenty files that nobody made for this purpose, from Debian's documentation.

Office files are made of some of them by LibreOffice, since Debian's packages bring none.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.table import DataMissing

DOCS: Final = Path("/usr/share/doc")
# File below DOCS; its first folder is the package that brings it.
FILES: Final = (
    "bzip2/manual.pdf.gz",
    "fontconfig/fontconfig-user.pdf.gz",
    "libtasn1-doc/libtasn1.pdf",
    "nettle-dev/nettle.pdf.gz",
    "shared-mime-info/shared-mime-info-spec.pdf",
    "gcc-12-base/NEWS.html",
    "libexpat1-dev/expat.html/reference.html",
    "libffi8/html/The-Basics.html",
    "libxslt1-dev/gtk-doc/html/libxslt/libxslt-security.html",
    "python3/python-policy.html",
    "dpkg/spec/triggers.txt",
    "liblzma-dev/xz-file-format.txt.gz",
    "libpng16-16/libpng-manual.txt.gz",
    "buildah/buildah-build.1.md.gz",
    "libjpeg62-turbo-dev/README.md.gz",
)
# File, as what LibreOffice reads it, and what it makes of it.
OFFICE: Final = (
    ("bc/bc.html", "HTML (StarWriter)", "docx:MS Word 2007 XML"),
    ("fontsproto/fsproto.txt.gz", "Text", "docx"),
    ("zlib1g-dev/examples/zlib_how.html", "HTML (StarWriter)", "docx:MS Word 2007 XML"),
    ("base-passwd/users-and-groups.html", "HTML (StarCalc)", "xlsx"),
    ("zlib1g-dev/crc-doc.1.0.pdf.gz", "impress_pdf_import", "pptx"),
)
OFFICE_SECONDS: Final = 180  # for one file


@dataclass(frozen=True, slots=True)
class RealFile:
    """A file as it is uploaded: unpacked, its package before its name."""

    name: str
    content: bytes


def real_files() -> list[RealFile]:
    """Return the files of this machine. Raises DataMissing naming the packages to install."""
    names = [*FILES, *(name for name, _, _ in OFFICE)]
    missing = sorted({name.split("/")[0] for name in names if not (DOCS / name).is_file()})
    if shutil.which("soffice") is None:
        missing += [f"libreoffice-{part}-nogui" for part in ("calc", "impress", "writer")]
    if missing:
        raise DataMissing(
            "Not measured: documentation or LibreOffice is missing; install the Debian packages"
            f" {' '.join(missing)}."
        )
    return [*map(_read, FILES), *(_made(*office) for office in OFFICE)]


def _made(name: str, reads: str, kind: str) -> RealFile:
    """Return what LibreOffice makes of a file."""
    given = _read(name)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / given.name.rpartition(" ")[2]
        source.write_bytes(given.content)
        subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless",
             f"--infilter={reads}", "--convert-to", kind, "--outdir", folder, str(source)],
            check=True, capture_output=True, timeout=OFFICE_SECONDS,
        )  # fmt: skip
        ending = kind.partition(":")[0]
        made = source.with_suffix(f".{ending}")
        return RealFile(f"{given.name.rpartition('.')[0]}.{ending}", made.read_bytes())


def _read(name: str) -> RealFile:
    content = (DOCS / name).read_bytes()
    last = name.rpartition("/")[2]
    if last.endswith(".gz"):
        content, last = gzip.decompress(content), last.removesuffix(".gz")
    return RealFile(f"{name.split('/')[0]} {last}", content)
