"""What a formula of the library is: a few textbook lines and what a reader wants to know of them.

    Entry("dense", "Dense", '''
        input x[..., V]
        parameter W[U, V], b[U]
        z[..., u] = sum(v) W[u,v]*x[...,v] + b[u]
        ''', ...)

In the text `...` stands for any number of leading axes (a batch, tokens), and what stands in braces
is repeated for each axis of a window: `{s*i + d*k - p}` is `s_1*i + d_1*k - p_1,
s_2*j + d_2*l - p_2` in two dimensions. So one text serves all shapes. From it come the value, the
derivatives, the shapes, the counts, the LaTeX and the layer's constructor; nothing else in the
project knows what a convolution is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

Value = bool | int | float | str | tuple[object, ...] | None

NEEDED: Final = "needed"  # the default of a setting that has to be given


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that whoever uses a formula chooses: `stride`, `bias`, `negative_slope`.

    `stands_for` says what it is in the text: sizes (`"G*C"`, or `"{s}"` for one an axis of the
    window, `"{p:q}"` for a pair), a tensor that may be left out, or a constant. `default` is a
    value; a formula in the other sizes as text, or an equation that it solves (`"H*E = D"`); None
    where it follows from the inputs; or NEEDED.
    `words` are values with a name: `"same"` for a padding. Sizes are at least `least`,
    and at most `most`, a formula in the other sizes; a constant lies `within` an interval, as in
    "[0, 1)".
    """

    name: str
    stands_for: str
    default: Value = None
    words: Mapping[str, str] = field(default_factory=dict)
    least: int = 1
    most: str = ""
    within: str = ""

    @property
    def per_axis(self) -> bool:
        """Whether there is one for each axis of the window."""
        return self.stands_for.startswith("{")

    @property
    def parts(self) -> tuple[str, ...]:
        """The sizes that it stands for: one, or before and after."""
        return tuple(part.strip() for part in self.stands_for.strip("{}").split(":"))


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One formula of the library.

    `layer` is the name of its constructor in `chainrule.nn`, `label` the short name that its layers
    get in a network. `axes` tells how many axes the braces stand for: a number; the name of a
    setting (its length, or for "axis" what follows that axis); "rest", all that the text does not
    name; or several numbers, of which that is taken which leaves one leading axis. `absent` says
    what a tensor that is left out is replaced by (a bias by 0), `initial` how parameters begin,
    `training` is the text where training differs (batch statistics). Tests try the settings of
    `sample`, then those of `more`; `draws` says where an input's cells lie.
    """

    name: str
    layer: str
    text: str
    title: str
    purpose: str
    source: str
    settings: tuple[Setting, ...] = ()
    axes: int | str | tuple[int, ...] = 0
    label: str = ""
    absent: Mapping[str, int] = field(default_factory=dict)
    initial: Mapping[str, str] = field(default_factory=dict)
    training: str | None = None
    kind: str = "layer"
    aliases: tuple[str, ...] = ()
    sample: Mapping[str, object] = field(default_factory=dict)
    more: tuple[Mapping[str, object], ...] = ()
    draws: Mapping[str, str] = field(default_factory=dict)

    def setting(self, name: str) -> Setting | None:
        """The setting of that name."""
        return next((s for s in self.settings if s.name == name), None)

    @property
    def short(self) -> str:
        """What its layers are called in a network: conv1, conv2, ..."""
        return self.label or self.name


def family(entry: Entry) -> tuple[Entry, Entry, Entry]:
    """The formula in one, two and three dimensions: conv1d, conv2d, conv3d."""
    one, two, three = (
        replace(
            entry,
            name=f"{entry.name}{axes}d",
            layer=f"{entry.layer}{axes}d",
            title=f"{entry.title} in {axes} dimension{'s' * (axes > 1)}",
            label=entry.short,
            aliases=tuple(f"{alias}{axes}d" for alias in entry.aliases),
            axes=axes,
        )
        for axes in (1, 2, 3)
    )
    return one, two, three
