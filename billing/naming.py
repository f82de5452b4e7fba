"""Models as people call them, told from above: the catalogue of models is another app's."""

from collections.abc import Callable

Naming = Callable[[str], str]
_naming: list[Naming] = []


def names_register(name_of: Naming) -> None:
    """Tell how to find a model's name by its id, with or without a route before it."""
    _naming[:] = [name_of]


def model_name(model_id: str) -> str:
    """Return a model's name; its id where it has none."""
    return _naming[0](model_id) if _naming else model_id
