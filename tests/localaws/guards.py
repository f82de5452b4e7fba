"""Parts of guardrails' definitions."""

MESSAGES = {"blockedInputMessaging": "Not this.", "blockedOutputsMessaging": "Not that."}


def words(*listed):
    return {"wordsConfig": [{"text": word} for word in listed]}


def filters(**strengths):
    return {
        "filtersConfig": [
            {
                "type": kind,
                "inputStrength": strength,
                "outputStrength": "NONE" if kind == "PROMPT_ATTACK" else strength,
            }
            for kind, strength in strengths.items()
        ]
    }
