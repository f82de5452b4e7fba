"""How many attempts were made on a layer, how many it refused, and what got through."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Score:
    """One layer's score."""

    tried: int = 0
    through: list[str] = field(default_factory=list)

    def count(self, refused: bool, what: str) -> None:
        """Count an attempt; `what` is told when it got through."""
        self.tried += 1
        if not refused:
            self.through.append(what)

    @property
    def refused(self) -> int:
        return self.tried - len(self.through)

    def __str__(self) -> str:
        return f"{self.refused} of {self.tried} refused"
