"""Twenty files that nobody made for this purpose, from Debian's documentation, and questions.

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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the file, the page and the words that answer it."""

    text: str
    file: str
    page: int
    words: str


QUESTIONS: Final = (
    Question("What does the <rescan> element of fontconfig hold?",
             "fontconfig fontconfig-user.pdf", 6, "int"),
    Question("How many numerical expressions does the <matrix> element hold?",
             "fontconfig fontconfig-user.pdf", 8, "four"),
    Question("With which magic string does the shared MIME magic file start?",
             "shared-mime-info shared-mime-info-spec.pdf", 9, "MIME-Magic"),
    Question("Which command must an application run after installing or modifying its MIME file?",
             "shared-mime-info shared-mime-info-spec.pdf", 3, "update-mime-database"),
    Question("With which tool was the robustness of libbzip2 against single-bit errors examined?",
             "bzip2 manual.pdf", 13, "Valgrind"),
    Question("What should next_in point at before each call to BZ2_bzDecompress?",
             "bzip2 manual.pdf", 20, "compressed data"),
    Question("Who designed the stream cipher Salsa20?", "nettle-dev nettle.pdf", 38, "Bernstein"),
    Question("Who proposed Cyclic Redundancy Checks in 1961?",
             "zlib1g-dev crc-doc.1.0.pptx", 3, "Peterson"),
    Question("Is the OCTET STRING tag included in the output of asn1_octet_der?",
             "libtasn1-doc libtasn1.pdf", 19, "not included"),
    Question("What does asn1_create_element return if source_name is not known?",
             "libtasn1-doc libtasn1.pdf", 13, "ASN1_ELEMENT_NOT_FOUND"),
)  # fmt: skip
# Written down before the product was asked any of them, so that nothing can be fitted to them.
UNSEEN: Final = (
    Question("How many of the languages named in ISO 639-1 does fontconfig support?",
             "fontconfig fontconfig-user.pdf", 4, "122"),
    Question("Which version number do fontconfig's cache files currently have?",
             "fontconfig fontconfig-user.pdf", 5, "currently 7"),
    Question("When do applications have to match globs case-sensitively?",
             "shared-mime-info shared-mime-info-spec.pdf", 7, "case-sensitive attribute"),
    Question("In which byte order are the numbers in mime.cache files?",
             "shared-mime-info shared-mime-info-spec.pdf", 13, "big-endian"),
    Question("How long may a compressed file be for bzip2recover versions prior to 1.0.2?",
             "bzip2 manual.pdf", 10, "512 megabytes"),
    Question("How much larger than the uncompressed data should an output buffer be so that"
             " compressed data will fit?", "bzip2 manual.pdf", 30, "1% larger"),
    Question("Who constructed the message digest function MD5?",
             "nettle-dev nettle.pdf", 21, "Rivest"),
    Question("What is the block size of CMAC-64?", "nettle-dev nettle.pdf", 71, "64 bits"),
    Question("Which constant is the maximum number of characters of an ASN.1 identifier?",
             "libtasn1-doc libtasn1.pdf", 7, "ASN1_MAX_NAME_SIZE"),
    Question("By how much did reading 32 bits at once improve on computing a CRC byte by byte?",
             "zlib1g-dev crc-doc.1.0.pptx", 12, "20-25%"),
)  # fmt: skip


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
