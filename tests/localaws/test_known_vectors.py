"""Vectors that are remembered are those that the texts have."""

import numpy as np

from localaws.embedder import Embedder


def test_remembered_vectors_are_the_texts_own_in_their_order():
    embedder = Embedder()
    embedder.start()
    embedder.known(["a tent", "two weeks"])
    asked = ["two weeks", "a sleeping bag", "a tent", "two weeks"]
    np.testing.assert_allclose(embedder.known(asked), embedder.embed(asked), rtol=1e-6)
    assert embedder.known([]).shape == (0, 256)
