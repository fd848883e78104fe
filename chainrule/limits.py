"""The limits that are checked before work is done, so that hostile input costs nothing."""

from typing import Final

FORMULA_CHARACTERS: Final = 4_000  # one formula given on a command line or to `parse_formula`
FORMULA_TOKENS: Final = 2_000  # tokens of one statement
NESTING: Final = 100  # brackets, signs and powers inside each other
LATEX_NESTING: Final = 60  # braces, brackets and scripts inside each other, in LaTeX
LITERAL_DIGITS: Final = 100  # digits of one number
CONSTANT_EXPONENT: Final = 1_000  # the largest constant power
EQUATIONS_READ: Final = 100_000  # statements of one program text
EQUATIONS_DERIVED: Final = 1_000_000  # equations of a program that chainrule derived
TENSOR_BYTES: Final = 4 * 2**30  # one tensor, checked before it is allocated
TENSOR_AXES: Final = 16  # axes of one tensor, indices of one loop
WORKED_CELLS: Final = 1_000_000  # cells times terms that the cell-by-cell evaluator will visit
LOOP_BYTES: Final = 2**29  # what one loop of the NumPy reference may hold at a time
TRACED_EQUATIONS: Final = 1_000  # equations of a program that is worked by hand
TRACED_CELLS: Final = 20_000  # cells times terms of a program that is worked by hand
PROGRAM_CHARACTERS: Final = 16_000_000  # a program's text as a whole
DATA_BYTES: Final = 4 * 2**30  # one data file, as it lies on the disk and unpacked
DATA_FILES: Final = 200_000  # files of one data set: images, members of an archive
DATA_CLASSES: Final = 10_000  # classes that labels may tell apart
IMAGE_PIXELS: Final = 2**24  # pixels of one picture, checked before it is unpacked
EMITTED_EQUATIONS: Final = 2_000  # equations of a program that is written as Python source
SHEET_CHARACTERS: Final = 1_000_000  # one sheet of questions
SHEET_BLOCKS: Final = 5_000  # fenced blocks of one sheet
CLASS_STUDENTS: Final = 100_000  # students of one class list
DRAWN_CELLS: Final = 10_000  # numbers drawn for one input of one student
SUBMISSION_BYTES: Final = 5_000_000  # one paper that is checked
PAPER_FORMULA: Final = 20_000  # characters of one formula in a paper; a longer one is left unread
PAPER_NESTING: Final = 40  # brackets, scripts and fractions inside each other, in a paper
PAPER_CELLS: Final = 10_000  # cells of one matrix or table in a paper
PAPER_CLAIMS: Final = 10_000  # relations of one paper
MACRO_TOKENS: Final = 20_000  # tokens that a paper's own macros may write out
PAPER_BLOCKS: Final = 20_000  # formulas, tables and stretches of words of one paper
