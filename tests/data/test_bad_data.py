"""Bad data: one DataError each, with the file, the place, the value and a way out."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import signal, write_config, write_csv, write_folder

from tinyml_nas.console import Console
from tinyml_nas.data import prepare_data
from tinyml_nas.data.faults import Problems
from tinyml_nas.data.readers.tables import read_npy, read_table
from tinyml_nas.errors import ConfigError, DataError

pytestmark = pytest.mark.fast


def refused(root: Path, **keys: dict[str, Any]) -> str:
    """Message and hint of the error; both must be there."""
    with pytest.raises(DataError) as caught:
        prepare_data(write_config(root, **keys), Console(quiet=True))
    assert caught.value.hint
    return f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("nan", "holds 'nan'"),
        ("oops", "holds 'oops'"),
        ("", "is empty"),
        ("inf", "holds 'inf'"),
        ("1e39", "holds '1e39'"),
    ],
)
def test_a_cell_at_fault_is_named(tmp_path: Path, cell: str, words: str) -> None:
    path = write_folder(tmp_path) / "classes" / "up" / "s2_r0.csv"
    lines = path.read_text().splitlines()
    lines[41] = f"0.4,1.5,{cell}"
    path.write_text("\n".join(lines))
    assert f"classes/up/s2_r0.csv, line 42, column 3 (b) {words}" in refused(tmp_path)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e39])
def test_a_number_at_fault_in_an_array_is_named(tmp_path: Path, value: float) -> None:
    values = signal(1).astype(np.float64)
    values[7, 1] = value
    np.save(write_folder(tmp_path) / "classes" / "up" / "x.npy", values)
    assert f"classes/up/x.npy, row 7, column 2 holds {value}" in refused(tmp_path)


def test_the_home_of_a_stranger_is_no_bug(tmp_path: Path) -> None:
    message = refused(tmp_path, dataset={"input_data_path": "~nobody-of-that-name/set"})
    assert "There is no data at" in message


def test_rows_and_files_with_other_columns(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    path = root / "classes" / "up" / "s2_r0.csv"
    path.write_text(path.read_text() + "1,2,3,4\n")
    write_csv(root / "classes" / "up" / "s3_r0.csv", signal(5, channels=1), header="time,a")
    message = refused(tmp_path)
    assert "s2_r0.csv, line 102: 4 columns where the first line has 3" in message
    assert "s3_r0.csv has 1 column of samples, but variables asks for 2" in message
    assert "2 problems" in message


def test_other_column_names(tmp_path: Path) -> None:
    write_csv(write_folder(tmp_path) / "classes" / "up" / "z.csv", signal(77), header="time,b,a")
    assert "z.csv has the columns b, a, the first file a, b" in refused(tmp_path)


def test_a_wanted_column_that_is_not_there(tmp_path: Path) -> None:
    write_csv(tmp_path / "set" / "classes" / "up" / "1.csv", signal(1), header="time,gyro_x,acc_x")
    write_csv(
        tmp_path / "set" / "classes" / "down" / "1.csv", signal(2), header="time,gyro_x,acc_x"
    )
    message = refused(tmp_path, processing={"variables": ["gyr_x"]})
    assert "No file has a column 'gyr_x'; their columns are gyro_x, acc_x; did you mean" in message
    assert "did you mean 'gyro_x'?" in message
    write_csv(tmp_path / "set" / "classes" / "up" / "2.csv", signal(3), header="time,acc_x,acc_y")
    message = refused(tmp_path, processing={"variables": ["acc_x", "aq"]})
    assert "No file has a column 'aq'; their columns are" in message
    message = refused(tmp_path, processing={"variables": ["acc_x", "gyro_x"]})
    assert "classes/up/2.csv has no column 'gyro_x'; its columns are acc_x, acc_y" in message
    assert "column 5" in refused(tmp_path, processing={"variables": [5]})


def test_an_empty_class_folder_and_an_empty_file(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    (root / "classes" / "left").mkdir()
    (root / "classes" / "up" / "s1_r0.csv").write_text("\n")
    message = refused(tmp_path)
    assert "Class folder classes/left/ is empty" in message
    assert "classes/up/s1_r0.csv is empty" in message


def test_a_class_with_one_file(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    write_csv(root / "classes" / "left" / "only.csv", signal(50))
    message = refused(tmp_path)
    assert "Class 'left' has 1 recording" in message
    assert "within_files" in message


def test_one_class_is_no_classification(tmp_path: Path) -> None:
    write_folder(tmp_path, labels=("up",))
    assert "only one class folder" in refused(tmp_path)


def test_a_frame_longer_than_the_recording(tmp_path: Path) -> None:
    write_folder(tmp_path)
    message = refused(tmp_path, processing={"frame_size": 128})
    assert "takes 128 samples" in message
    assert "s0_r1.csv, has 100" in message


def test_stretches_too_short_for_a_window(tmp_path: Path) -> None:
    write_folder(tmp_path)
    message = refused(
        tmp_path, dataset={"split_type": "within_files"}, processing={"frame_size": 32}
    )
    assert "No window of down, up is on the train side" not in message
    assert "No window of down, up is on the validation side" in message
    assert "No window of down, up is on the test side" in message


def test_too_few_groups_and_groups_that_do_not_match(tmp_path: Path) -> None:
    write_folder(tmp_path, files=2)
    by_group = {"split_type": "by_group", "group_by": r"/s(\d+)_"}
    assert "2 groups cannot be divided among" in refused(tmp_path, dataset=by_group)
    other = {**by_group, "group_by": r"person(\d+)"}
    assert "finds no group in classes/down/s0_r1.csv" in refused(tmp_path, dataset=other)
    named = {**by_group, "split_groups": {"test": ["10"]}}
    assert "split_groups.test names '10', which is no group" in refused(tmp_path, dataset=named)


def test_the_same_samples_under_two_labels(tmp_path: Path) -> None:
    root = write_folder(tmp_path)
    twin = root / "classes" / "up" / "twin.csv"
    twin.write_bytes((root / "classes" / "down" / "s0_r1.csv").read_bytes())
    assert "holds the same samples as" in refused(tmp_path)


def test_lists_that_contradict_the_files(tmp_path: Path) -> None:
    root = write_folder(tmp_path, files=3)
    (root / "annotations").mkdir()
    for word in ("train", "val"):
        text = "up/s0_r0.csv\nup/gone.csv\n"
        (root / "annotations" / f"instances_{word}_list.txt").write_text(text)
    assert "not annotations/instances_test_list.txt" in refused(tmp_path)
    (root / "annotations" / "instances_test_list.txt").write_text("")
    message = refused(tmp_path)
    assert "instances_train_list.txt, line 2: there is no file 'up/gone.csv'" in message
    assert "instances_val_list.txt, line 1: 'up/s0_r0.csv' is also in the list of train" in message


def write_zip(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("classes/up/1.csv", "1,2\n" * 20)
        archive.writestr("classes/down/1.csv", "3,2\n" * 20)
        archive.writestr(name, "1,2\n" * 20)


@pytest.mark.parametrize(
    "name", ["../evil.csv", "/etc/evil.csv", "classes/../../x.csv", "C:/x.csv"]
)
def test_names_that_leave_the_zip(tmp_path: Path, name: str) -> None:
    write_zip(tmp_path / "set.zip", name)
    message = refused(tmp_path, dataset={"input_data_path": "set.zip"})
    assert "leads out of the archive" in message
    assert not list(tmp_path.parent.glob("evil.csv"))


@pytest.mark.parametrize(
    ("name", "link"), [("../evil.csv", ""), ("/etc/evil.csv", ""), ("classes/up/2.csv", "../x")]
)
def test_names_and_links_that_leave_the_tar(tmp_path: Path, name: str, link: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
    with tarfile.open(tmp_path / "set.tgz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO())
    message = refused(tmp_path, dataset={"input_data_path": "set.tgz"})
    assert "leads out of the archive" in message


@pytest.mark.parametrize("suffix", ["zip", "tgz"])
def test_a_name_in_other_words_is_the_same_name(tmp_path: Path, suffix: str) -> None:
    """``./a`` and ``a//b``, as some programs write them."""
    files = {
        path.relative_to(tmp_path / "set").as_posix(): path.read_bytes()
        for path in write_folder(tmp_path).rglob("*.csv")
    }
    odd = {f"./{name}".replace("up/", "up//"): data for name, data in files.items()}
    path = tmp_path / f"odd.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in odd.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, data in odd.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    data = prepare_data(write_config(tmp_path, dataset={"input_data_path": path.name}), Console())
    assert {recording["name"] for recording in data.manifest["recordings"]} == {*files}


def test_a_cell_of_ten_megabytes_is_not_printed(tmp_path: Path) -> None:
    write_folder(tmp_path)
    cell = "x" * 10_000_000
    (tmp_path / "set/classes/up/huge.csv").write_text(f"time,a,b\n0,1,{cell}\n", encoding="utf-8")
    message = refused(tmp_path)
    assert "huge.csv, line 2, column 3 (b) holds 'xxx" in message
    assert "(10,000,000 characters)" in message
    assert len(message) < 400


def test_a_header_that_lies_takes_no_memory() -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 2)}\n"
    data = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(64)
    with pytest.raises(DataError, match=r"states the shape \(10000000000000, 2\), 64 bytes follow"):
        read_npy(data, "x.npy")


def test_corrupt_tars(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        archive.add(__file__, "classes/up/1.csv")
    data = (tmp_path / "set.tar.gz").read_bytes()
    (tmp_path / "set.tar.gz").write_bytes(data[: len(data) // 2])
    dataset = {"input_data_path": "set.tar.gz"}
    assert "cannot be read as a tar archive" in refused(tmp_path, dataset=dataset)


def test_corrupt_zips(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    write_zip(path, "classes/up/2.csv")
    data = bytearray(path.read_bytes())
    data[45] ^= 255  # inside the first member: its checksum is wrong now
    path.write_bytes(data)
    dataset = {"input_data_path": "set.zip"}
    assert "classes/up/1.csv in" in refused(tmp_path, dataset=dataset)
    path.write_bytes(data[:100])
    assert "cannot be opened as a zip" in refused(tmp_path, dataset=dataset)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    root = write_folder(tmp_path)
    (root / "classes" / "up" / "x.pkl").write_bytes(pickle.dumps(Bomb()))
    assert "x.pkl is a pickle" in refused(tmp_path)
    (root / "classes" / "up" / "x.pkl").unlink()
    bomb = np.array([Bomb()], dtype=object)
    np.save(root / "classes" / "up" / "y.npy", bomb, allow_pickle=True)
    assert "y.npy is no readable NumPy array" in refused(tmp_path)
    np.savez(tmp_path / "z.npz", X=bomb, y=bomb)
    assert "X.npy in z.npz" in refused(tmp_path, dataset={"input_data_path": "z.npz"})
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": np.zeros(3)}, "has no array X"),
        ({"X": np.zeros((6, 2)), "lengths": [2, 2], "y": [0, 1]}, "lengths in set.npz add up to 4"),
        ({"X": np.zeros((3, 4, 2)), "y": [0, 1]}, "y in set.npz has the shape (2,)"),
        ({"X": np.zeros((3, 4, 2))}, "has no array 'y'; it has X"),
        ({"X": np.ones((3, 4, 2)), "y": [0, 1, 2], "classes": ["a", "b"]}, "does not number"),
        ({"X": np.ones((3, 4, 2)), "y": [0, 1, 2], "scale": [1.0]}, "scale in set.npz"),
        ({"X": np.ones((3, 4, 2)), "y": [0, 1, 2], "channels": ["a"]}, "channels in set.npz"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    assert words in refused(tmp_path, dataset={"input_data_path": "set.npz"})


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert "has no folder 'classes'" in refused(tmp_path)
    assert "There is no" in refused(tmp_path, dataset={"input_data_path": "sett"})
    assert "other.zip is not here; its address is" in refused(
        tmp_path, dataset={"input_data_path": "https://example.com/other.zip"}
    )
    (tmp_path / "set.rar").write_bytes(b"")
    assert "suffix '.rar'" in refused(tmp_path, dataset={"input_data_path": "set.rar"})


def test_upsampling_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    keys = {"data_proc_transforms": ["Downsample"], "sampling_rate": 10, "new_sr": 20}
    with pytest.raises(ConfigError, match="20 Hz"):
        prepare_data(write_config(tmp_path, processing=keys), Console(quiet=True))


def test_ten_problems_are_shown_and_the_rest_counted() -> None:
    problems = Problems()
    for index in range(13):
        problems.add(f"File {index} is odd.", "Mend it.")
    with pytest.raises(DataError) as caught:
        problems.raise_any()
    assert "13 problems" in caught.value.message
    assert "File 9 is odd." in caught.value.message
    assert "File 10" not in caught.value.message
    assert "and 3 more" in caught.value.message


def test_each_problem_has_its_own_hint() -> None:
    problems = Problems()
    problems.add("File 1 is odd.", "Mend it.")
    problems.add("File 2 is odd.", "Mend it.")
    problems.add("File 3 is empty.", "Record it again.")
    with pytest.raises(DataError) as caught:
        problems.raise_any()
    assert caught.value.hint == "Mend it. Record it again."


def test_only_the_columns_that_are_used_need_to_be_numbers(tmp_path: Path) -> None:
    for label in ("up", "down"):
        for index in range(5):
            path = tmp_path / "set" / "classes" / label / f"{index}.csv"
            write_csv(path, signal(index + 10 * len(label)), header="time,a,b")
            rows = path.read_text().splitlines()
            rows = [
                f"{row},{'when' if i == 0 else '2026-01-01T00:00:00'}" for i, row in enumerate(rows)
            ]
            path.write_text("\n".join(rows))
    data = prepare_data(
        write_config(tmp_path, processing={"variables": ["a", "b"]}), Console(quiet=True)
    )
    assert data.channel_names == ("a", "b")
    assert "column 4 (when) holds" in refused(tmp_path, processing={"variables": ["a", "when"]})


LATIN, WIDE = "a,b °C\n1.5,2\n3,4\n".encode("latin-1"), "a;b\n1,5;2\n3;4\n".encode("utf-16")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (LATIN, ("a", "b °C")),
        (WIDE, ("a", "b")),
        (b"sep=;\r\na;b\r\n1,5;2\r\n3;4\r\n", ("a", "b")),
        (b"a;b\n1,5;2\n3;4\n", ("a", "b")),
        (b"a\tb\n1,5\t2,0\n3\t4\n", ("a", "b")),
        (b"Device: X1\nRate, 200\n# ok\n\na,b\n1.5,2\n3,4\n", ("a", "b")),
        (b"1,5;2\n3;4\n", None),
    ],
)
def test_what_spreadsheets_and_loggers_write_is_read(
    data: bytes, names: tuple[str, ...] | None
) -> None:
    table = read_table(data, "x.csv")
    assert table.header == names
    assert table.read([0, 1]).tolist() == [[1.5, 2], [3, 4]]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a,b\n1,2\n".encode("utf-16-le"), "holds zero bytes"),
        (b"a,b\n1,2,3\n4,5,6\n", "line 2: 3 columns where the first line has 2"),
        (b"a;b\n1.234,5;2\n", "holds '1.234,5'"),
    ],
)
def test_what_could_mean_two_things_is_not_guessed(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(data, "x.csv").read([0, 1])
