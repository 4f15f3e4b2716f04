"""A tape's file, opened: its account of itself, and one row group after another."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from engine.store.tape_checks import REMEDY
from engine.store.tape_columns import SCHEMA, Columns, read_columns
from engine.store.tape_facts import KEY, VERSION, TapeError, TapeInfo
from engine.store.tape_seal import check_seal

AHEAD = 4  # row groups in memory that nobody has asked for yet


@dataclass(frozen=True)
class OpenTape:
    """A tape with an unbroken seal."""

    path: Path
    info: TapeInfo
    sha256: str  # of the file
    file: pq.ParquetFile
    rows: NDArray[Any]  # of every row group
    last_us: NDArray[Any]  # of the recorder

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def groups(self, since_ns: int) -> Iterator[tuple[int, Columns]]:
        """Yield the row groups that reach `since_ns`; a thread unpacks the next ones meanwhile."""
        wanted = np.flatnonzero(self.last_us * 1000 >= since_ns).tolist()
        pool = ThreadPoolExecutor(1, "tape")
        try:
            ahead = deque(pool.submit(read_columns, self.file, g) for g in wanted[:AHEAD])
            for k, g in enumerate(wanted):
                columns = ahead.popleft().result()
                for following in wanted[k + AHEAD :][:1]:
                    ahead.append(pool.submit(read_columns, self.file, following))
                yield g, columns
        finally:
            pool.shutdown(cancel_futures=True)

    def rows_before(self, group: int) -> int:
        """Return the number of the row group's first row."""
        return int(self.rows[:group].sum())


def open_tape(path: Path) -> OpenTape:
    """Open a tape, having read the whole file once: it is as it was written.

    Raises
    ------
    TapeError
        if it is not there, is no tape of this version, was cut short or changed.
    """
    sha256 = check_seal(path)
    file = pq.ParquetFile(path)
    try:
        info = _account(path, file.metadata.metadata[KEY.encode()])
        groups = [file.metadata.row_group(g) for g in range(file.metadata.num_row_groups)]
        times = [group.column(SCHEMA.get_field_index("recv_us")).statistics for group in groups]
        return OpenTape(
            path, info, sha256, file,
            rows=np.array([group.num_rows for group in groups]),
            last_us=np.array([time.max for time in times]),
        )  # fmt: skip
    except BaseException:
        file.close()
        raise


def _account(path: Path, text: bytes) -> TapeInfo:
    try:
        return TapeInfo.model_validate_json(text)
    except ValidationError as error:
        raise TapeError(
            f"{path}: footer is not of tape version {VERSION} ({error.error_count()} fields, "
            f"first {error.errors()[0]['loc']}); {REMEDY}"
        ) from error
