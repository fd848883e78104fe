"""Going on with a text: the network's own words, one after the other.

The network is given what there is so far, at most a window of it, and says for each character how
likely it is to come next. The likeliest one is taken (this is greedy: the same text each time) and
put at the end; then the network is asked again.
"""

from __future__ import annotations

import numpy as np

from chainrule.errors import InputError, LimitError
from chainrule.train.data_text import Text
from chainrule.train.run import Run
from chainrule.train.step import target_of

CHARACTERS = 10_000  # of a continuation, at most


def continuation(run: Run, text: Text, prompt: str, count: int) -> str:
    """The `count` characters that a network trained on a text puts behind the prompt.

    What the network says at a place must hang on what stands before it alone, as causal attention
    has it: the window is filled up behind the prompt, and that must not matter. Raises
    `UnknownNameError` for a character of the prompt that the text does not have, `LimitError` for
    more than 10,000 characters.
    """
    if not prompt:
        raise InputError("there is nothing to go on with: the prompt has no characters")
    if not 1 <= count <= CHARACTERS:
        raise LimitError(f"a continuation has 1 to {CHARACTERS:,} characters, not {count:,}")
    target = target_of(run.network)
    name = next(n for n in run.network.inputs if n != target)
    written = text.encode(prompt).tolist()
    for _ in range(count):
        seen = written[-text.window:]
        tokens = np.zeros((1, text.window), np.int64)
        tokens[0, : len(seen)] = seen
        logits = run.predict({name: tokens, target: np.zeros_like(tokens)})
        written.append(int(logits[0, len(seen) - 1].argmax()))
    return "".join(text.alphabet[k] for k in written[-count:])
