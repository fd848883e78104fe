"""The digits that come with chainrule: 1,797 pictures of 8 × 8, read with no other library.

E. Alpaydin and C. Kaynak had 43 people write digits on forms. Each digit was brought to 32 × 32
black and white pixels, and these were counted in blocks of 4 × 4: so a pixel here is a whole number
from 0 to 16, and is divided by 16. These are the pictures of the 13 writers whom the authors kept
for testing, 1,797 of 5,620.

The split is fixed, so that two people who report a test accuracy speak of the same pictures: 1,257
to learn from, 180 to choose settings by, 360 for the end. It is the stratified split of these sizes
with seed 0, and a test holds its checksum.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository (1998), https://doi.org/10.24432/C50P49, under the Creative Commons Attribution 4.0
International licence (CC BY 4.0). Changed here: one file, compressed, with a line of attribution.
"""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np

from chainrule.train.data_examples import PARTS, Data, Examples
from chainrule.train.data_split import divide

ABOUT = ("E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
         "Learning Repository (1998), doi:10.24432/C50P49, CC BY 4.0")
SIZES = (1257, 180, 360)  # training, validation, test
_GREYS = 16


def digits() -> Data:
    """The UCI digits with their fixed split; inputs (n, 1, 8, 8) from 0 to 1, labels 0 to 9.

    >>> data = digits()
    >>> print(data)
    digits: inputs 1 × 8 × 8, classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
      train       1,257 examples, from 0 to 1
      validation    180 examples, from 0 to 1
      test          360 examples, from 0 to 1
      pixels divided by 16
    """
    packed = files("chainrule.train").joinpath("digits.csv.gz").read_bytes()
    rows = np.loadtxt(gzip.decompress(packed).decode("ascii").splitlines(), np.int64,
                      delimiter=",", comments="#")
    inputs = rows[:, :-1].reshape(-1, 1, 8, 8) / _GREYS
    everything = Examples(inputs, rows[:, -1], None, tuple(map(str, range(10))), "digits")
    parts = dict(zip(PARTS, divide(everything, SIZES, seed=0), strict=True))
    train = parts["train"]
    assert train is not None  # SIZES says so
    return Data(train, parts["validation"], parts["test"], "digits", ABOUT,
                (f"pixels divided by {_GREYS}",))
