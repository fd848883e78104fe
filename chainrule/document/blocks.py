"""The neutral document: what is said, apart from how it is shown.

A pass that explains something builds a `Document` of blocks: headings, paragraphs, formulas, chains
of equations with reasons, tables, figures. A renderer turns it into terminal text, Markdown, LaTeX,
HTML or JSON. Running text is a tuple of inlines; an inline is `Text`, `Code`, `Strong`, `Emph` or a
node of mathematics (`mathtree.Math`) as it is. The constructors in small letters accept plain
strings wherever running text is wanted.

    >>> from chainrule.document.mathtree import Identifier, Num
    >>> p("at ", Identifier("x"), " it is ", strong("large")).inlines[1]
    Identifier(name='x', upright=False)
    >>> table(["name", "value"], [[Identifier("x"), Num("2")]]).rows[0][1].content
    (Num(text='2'),)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from chainrule.document.mathtree import Math, text

# --- running text -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Plain prose."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Something typed: a command, a name in a program."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Prose of strong importance."""

    text: str


@dataclass(frozen=True, slots=True)
class Emph:
    """Prose with stress."""

    text: str


Inline = Text | Code | Strong | Emph | Math
Inlines = tuple[Inline, ...]
Prose = str | Inline | Sequence["str | Inline"]  # what the constructors accept as running text

# --- blocks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is a section of the document (its title stands above all levels)."""

    level: int
    inlines: Inlines


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of running text."""

    inlines: Inlines


@dataclass(frozen=True, slots=True)
class MathBlock:
    """A formula on its own line."""

    math: Math


@dataclass(frozen=True, slots=True)
class Link:
    """One line of a chain: `relation` `math`, and why (empty: no reason given)."""

    math: Math
    reason: Inlines = ()
    relation: str = "="


@dataclass(frozen=True, slots=True)
class Chain:
    """`lhs = first = second = ...`, a line each, relations and reasons aligned."""

    lhs: Math
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `source` says where its number came from, for whoever asks."""

    content: Inlines
    source: str | None = None
    emphasis: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, and how its cells are aligned."""

    header: Inlines
    align: Literal["left", "right", "center"] = "left"


@dataclass(frozen=True, slots=True)
class Group:
    """A title over the next `span` columns; an empty title groups nothing."""

    title: Inlines
    span: int


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, rows with a cell a column, perhaps groups that cover all columns from the left.

    `row_header` says that the first cell of a row names the row.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: Inlines = ()
    groups: tuple[Group, ...] = ()
    row_header: bool = True


@dataclass(frozen=True, slots=True)
class ListBlock:
    """A list, an item a point, numbered if `ordered`."""

    items: tuple[Inlines, ...]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture: an `<svg>` element, what it shows in words, and a drawing in plain text."""

    svg: str
    alt: str
    caption: Inlines = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark set off from the text; a "kink" names the choice made at a corner."""

    kind: Literal["note", "kink", "warning"]
    inlines: Inlines


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of a program or of a file."""

    text: str
    language: str = ""


Block = Heading | Paragraph | MathBlock | Chain | Table | ListBlock | Figure | Note | CodeBlock


@dataclass(frozen=True, slots=True)
class Document:
    """A title and blocks in order; `meta` holds strings for programs (version, command)."""

    title: str
    blocks: tuple[Block, ...]
    meta: Mapping[str, str] = field(default_factory=dict)


# --- constructors -------------------------------------------------------------------------------


def inlines(*parts: Prose) -> Inlines:
    """Running text from strings, inlines and sequences of them; neighbouring strings join up.

    >>> inlines("a ", ["b", Code("c")])
    (Text(text='a b'), Code(text='c'))
    """
    found: list[Inline] = []
    for part in parts:
        inner: Iterable[str | Inline] = [part] if isinstance(part, str | Inline) else part
        for piece in inner:
            item = Text(piece) if isinstance(piece, str) else piece
            if isinstance(item, Text) and found and isinstance(found[-1], Text):
                found[-1] = Text(found[-1].text + item.text)
            elif item != Text(""):
                found.append(item)
    return tuple(found)


def plain(content: Inlines) -> str:
    """Running text without its marks, mathematics in one line of Unicode.

    >>> plain(inlines("see ", Strong("here")))
    'see here'
    """
    return "".join(text(part) if isinstance(part, Math) else part.text for part in content)


def code(word: str) -> Code:
    """Something typed."""
    return Code(word)


def strong(word: str) -> Strong:
    """Prose of strong importance."""
    return Strong(word)


def emph(word: str) -> Emph:
    """Prose with stress."""
    return Emph(word)


def p(*parts: Prose) -> Paragraph:
    """A paragraph."""
    return Paragraph(inlines(*parts))


def heading(level: int, *parts: Prose) -> Heading:
    """A heading."""
    return Heading(level, inlines(*parts))


def note(*parts: Prose, kind: Literal["note", "kink", "warning"] = "note") -> Note:
    """A remark set off from the text."""
    return Note(kind, inlines(*parts))


def chain(lhs: Math, *links: Math | tuple[Math, Prose] | Link) -> Chain:
    """A chain of equations; a link is its mathematics, or (mathematics, reason), or a `Link`."""
    found: list[Link] = []
    for item in links:
        if isinstance(item, tuple):
            found.append(Link(item[0], inlines(item[1])))
        else:
            found.append(Link(item) if isinstance(item, Math) else item)
    return Chain(lhs, tuple(found))


def items(*points: Prose, ordered: bool = False) -> ListBlock:
    """A list, an argument a point."""
    return ListBlock(tuple(inlines(point) for point in points), ordered)


def cell(*parts: Prose, source: str | None = None, emphasis: bool = False) -> Cell:
    """A cell of a table."""
    return Cell(inlines(*parts), source, emphasis)


def table(
    columns: Sequence[Prose | Column],
    rows: Iterable[Sequence[Prose | Cell]],
    caption: Prose = "",
    groups: Sequence[tuple[Prose, int] | Group] = (),
    row_header: bool = True,
) -> Table:
    """A table; short rows are filled up with empty cells.

    Groups are (title, number of columns) from the left. Raises `ValueError` if a row is longer than
    the columns are many, or the groups do not cover the columns.
    """
    heads = tuple(c if isinstance(c, Column) else Column(inlines(c)) for c in columns)
    body = []
    for given in rows:
        cells = [c if isinstance(c, Cell) else Cell(inlines(c)) for c in given]
        if len(cells) > len(heads):
            raise ValueError(f"a row has {len(cells)} cells, the table {len(heads)} columns")
        body.append((*cells, *[Cell(())] * (len(heads) - len(cells))))
    over = tuple(g if isinstance(g, Group) else Group(inlines(g[0]), g[1]) for g in groups)
    if over and sum(g.span for g in over) != len(heads):
        raise ValueError(f"the groups do not add up to {len(heads)} columns")
    return Table(heads, tuple(body), inlines(caption), over, row_header)


def document(title: str, *blocks: Block, **meta: str) -> Document:
    """A document."""
    return Document(title, blocks, meta)


def by_group(wide: Table) -> list[Table]:
    """A table cut into one table a titled group, each with the untitled columns that lead it.

    What is left where a page is too narrow for the groups side by side. A table without two titled
    groups comes back as it is.
    """
    if sum(bool(g.title) for g in wide.groups) < 2:
        return [wide]
    found: list[Table] = []
    lead: list[int] = []
    start = 0
    for group in wide.groups:
        own = list(range(start, start + group.span))
        start += group.span
        if not group.title:
            lead = own
            continue
        keep = lead + own
        over = (*((Group((), len(lead)),) if lead else ()), group)
        rows = (tuple(r[k] for k in keep) for r in wide.rows)
        # A row that has nothing to say in this group is left out.
        told = tuple(r for r in rows if any(c.content for c in r[len(lead) :]))
        caption = () if found else wide.caption
        columns = tuple(wide.columns[k] for k in keep)
        found.append(replace(wide, columns=columns, rows=told, groups=over, caption=caption))
    return found
