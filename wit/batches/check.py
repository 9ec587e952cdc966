"""check.py FOLDER: whether each FOLDER/NAME.arrow says the same as NAME.arrow beside this script.

What differs is told, and the exit code is 1 then. Needs pyarrow.
"""

import pathlib
import sys

import pyarrow
import pyarrow.ipc

REFERENCES = pathlib.Path(__file__).parent


def read(path):
    """The schema and the rows of two messages; pyarrow checks buffers and offsets."""
    stream = pyarrow.py_buffer(path.read_bytes())
    # The format has no end-of-stream marker, and Arrow's reader asks for none.
    batches = list(pyarrow.ipc.open_stream(stream))
    if len(batches) != 1:
        raise ValueError(f"{len(batches)} record batches instead of one")
    batches[0].validate(full=True)
    return batches[0]


def difference(mine, reference):
    """What differs, or None."""
    if not mine.schema.equals(reference.schema, check_metadata=True):
        wanted, found = (b.schema.to_string(show_field_metadata=True) for b in (reference, mine))
        return f"the schema is\n{found}\ninstead of\n{wanted}"
    for name, found, wanted in zip(reference.schema.names, mine.columns, reference.columns):
        # Texts of values, since no NaN is equal to itself.
        if list(map(repr, found)) != list(map(repr, wanted)):
            return f"column {name} is\n{found}\ninstead of\n{wanted}"
    if mine.num_rows != reference.num_rows:
        return f"it has {mine.num_rows} rows instead of {reference.num_rows}"
    return None


def main(folder):
    files = sorted(pathlib.Path(folder).glob("*.arrow"))
    wrong = 0
    for file in files:
        try:
            told = difference(read(file), read(REFERENCES / file.name))
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            told = error
        if told is not None:
            print(f"{file.name}: {told}")
            wrong += 1
    print(f"{len(files) - wrong} of {len(files)} batches say the same as the reference")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
