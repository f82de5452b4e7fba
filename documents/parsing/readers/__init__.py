"""One reader per format: bytes in, `ParsedText` out, no Django, no network, no files."""
