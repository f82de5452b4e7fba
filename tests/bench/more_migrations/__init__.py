"""The assistant's migrations and one more, `0900_bench`, for measuring a pass over many schemas."""

from pathlib import Path

from config.stack.options import REPOSITORY

__path__ = [str(REPOSITORY / "assistant" / "migrations"), str(Path(__file__).parent)]
