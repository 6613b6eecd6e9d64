"""The exceptions of cc-math.

An exception means that the job is wrong; a record that is wrong is a
:class:`cc_math.schema.Drop`. The tree, with the exit code of the command line:

    CcMathError
    ├── UserError                 exit 2: the caller can mend it
    │   ├── RecipeError           a recipe: unknown key, wrong type, impossible value
    │   ├── InputError            an input that is missing, unreadable or of another kind
    │   ├── ModelError            a model or tokenizer file that is damaged, foreign or absent
    │   ├── OutputConflict        the output folder holds something made from other input or recipe
    │   └── MissingExtra          an optional dependency that the command needs is not installed
    └── JobError                  exit 1: the job failed
        ├── AccountingError       counts that must agree do not
        ├── StorageError          a store refused or lost an operation
        ├── ChunksFailed          some chunks failed; the others are done and are kept
        ├── DriftError            a mining round is worse on the hold-out than the one before
        └── ChildError            the extraction child process cannot work at all

Each message says what was expected, what was found, where, and the mend.
"""


class CcMathError(Exception):
    """Root of all exceptions that cc-math raises on purpose."""

    exit_code = 1


class UserError(CcMathError):
    """The caller's mistake; the message names the mend."""

    exit_code = 2


class RecipeError(UserError):
    """A recipe with an unknown key, a wrong type or an impossible value."""


class InputError(UserError):
    """An input that is missing, unreadable or not of the expected kind."""


class ModelError(UserError):
    """A model or tokenizer file that is damaged, foreign or absent."""


class OutputConflict(UserError):
    """The output folder holds a result of other input, recipe or code."""


class MissingExtra(UserError):
    """A command needs an optional dependency that is not installed."""


class JobError(CcMathError):
    """The job failed for a reason that is not the caller's."""


class AccountingError(JobError):
    """Counts that must agree do not: a record was lost or counted twice."""


class StorageError(JobError):
    """A store refused or lost an operation."""


class ChunksFailed(JobError):
    """Some chunks of a stage failed; finished ones are kept and a rerun does the rest."""


class DriftError(JobError):
    """A mining round's hold-out average precision fell by more than the recipe allows."""


class ChildError(JobError):
    """The extraction child process cannot start, or dies without a record in hand."""


def was_interrupted(error: BaseException | None) -> bool:
    """Whether ``error`` is a Ctrl-C, or what a library made of one while it unwound."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
