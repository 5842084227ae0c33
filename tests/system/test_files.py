# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files on a disk that the host made: what ZerOS reads and writes is what the host sees."""
import os
import re

import pytest

import disks
import zeros

BIG = 64 << 20


def sum_in_zeros(m, path, timeout=120):
    """The hex digest that `sha256` prints for a path."""
    out = m.cmd(f"sha256 {path}", timeout)
    found = re.search(r"\b([0-9a-f]{64})\b", out)
    assert found, f"sha256 {path} printed: {out}"
    return found.group(1)


@pytest.fixture
def small_disk(tmp):
    return disks.make(os.path.join(tmp, "d.img"), "64M", {
        "/hello": b"hello from the host\n", "/empty": b"", "/dir/inner": b"inside\n", "/dir/deeper/x": b"x\n",
        "/odd": disks.pattern(12345, 3), "/page": disks.pattern(4096, 4)})


@pytest.mark.limit(300)
def test_sha256_of_a_64_mib_file_equals_the_hosts(tmp):
    data = disks.pattern(BIG)
    m = zeros.boot(disks=[disks.make(os.path.join(tmp, "d.img"), "256M", {"/big": data})])
    assert sum_in_zeros(m, "/big") == disks.sha256(data)


@pytest.mark.limit(300)
def test_cp_sync_poweroff_leaves_e2fsck_clean_and_identical_copy(tmp):
    data = disks.pattern(BIG)
    image = disks.make(os.path.join(tmp, "d.img"), "256M", {"/big": data})
    m = zeros.boot(disks=[image])
    assert m.cmd("cp /big /copy", 180).strip() == ""
    assert m.cmd("sync").strip() == ""
    m.poweroff()
    disks.fsck(image)
    assert disks.sha256(disks.read(image, "/copy")) == disks.sha256(data)


@pytest.mark.limit(420)
def test_tree_of_1000_files_reads_back_on_the_host(tmp):
    image = disks.make(os.path.join(tmp, "d.img"), "64M")
    m = zeros.boot(disks=[image])
    want = {}
    for d in range(10):
        m.cmd(f"mkdir /t{d}")
        lines = []
        for f in range(100):
            want[f"/t{d}/f{f:02}"] = f"file {f} of {d}:" + "x" * (f * 7 % 61)
            lines.append(f"write /t{d}/f{f:02} {want[f'/t{d}/f{f:02}']}")
        for line in lines:
            assert m.cmd(line).strip() == "", line
    m.poweroff()
    disks.fsck(image)
    for d in range(10):
        disks.dump_tree(image, f"/t{d}", os.path.join(tmp, "out"))
    for path, text in want.items():
        with open(os.path.join(tmp, "out", path.lstrip("/")), encoding="utf-8") as f:
            assert f.read().rstrip("\n") == text, path
    assert len(want) == 1000


def test_cat_and_ls_show_the_hosts_files(small_disk):
    m = zeros.boot(disks=[small_disk])
    assert "hello from the host" in m.cmd("cat /hello")
    listing = m.cmd("ls /")
    for name in ("hello", "empty", "dir", "odd", "lost+found"):
        assert name in listing
    assert "inner" in m.cmd("ls /dir") and "deeper" in m.cmd("ls /dir")
    assert m.cmd("cat /empty").strip() == ""


def test_odd_sizes_hash_as_on_the_host(small_disk):
    m = zeros.boot(disks=[small_disk])
    assert sum_in_zeros(m, "/odd") == disks.sha256(disks.pattern(12345, 3))
    assert sum_in_zeros(m, "/page") == disks.sha256(disks.pattern(4096, 4))
    assert sum_in_zeros(m, "/empty") == disks.sha256(b"")


def test_mv_rm_mkdir_are_seen_by_the_host(small_disk):
    m = zeros.boot(disks=[small_disk])
    for line in ("mv /hello /dir/moved", "rm /empty", "mkdir /new", "mkdir /new/sub", "cp /odd /new/sub/odd", "mv /page /new/sub/odd2"):
        assert m.cmd(line).strip() == "", line
    m.poweroff()
    disks.fsck(small_disk)
    assert disks.read(small_disk, "/dir/moved") == b"hello from the host\n"
    assert disks.read(small_disk, "/new/sub/odd") == disks.pattern(12345, 3)
    assert disks.read(small_disk, "/new/sub/odd2") == disks.pattern(4096, 4)
    names = disks.names(small_disk)
    assert "hello" not in names and "empty" not in names and "page" not in names and "new" in names


def test_overwriting_a_longer_file_truncates_it(small_disk):
    m = zeros.boot(disks=[small_disk])
    m.cmd("cp /page /odd")
    assert sum_in_zeros(m, "/odd") == disks.sha256(disks.pattern(4096, 4))
    m.poweroff()
    disks.fsck(small_disk)
    assert disks.read(small_disk, "/odd") == disks.pattern(4096, 4)


def test_df_counts_what_a_file_takes(small_disk):
    m = zeros.boot(disks=[small_disk])
    before = m.cmd("df")
    m.cmd("cp /odd /odd2")
    assert m.cmd("df") != before


def test_data_survives_a_reboot_of_zeros(small_disk):
    m = zeros.boot(disks=[small_disk])
    m.cmd("write /kept still here")
    m.poweroff()
    m = zeros.boot(disks=[small_disk])
    assert "still here" in m.cmd("cat /kept")
    m.poweroff()
    disks.fsck(small_disk)


def test_reboot_command_comes_back_to_the_prompt(small_disk):
    m = zeros.boot(disks=[small_disk])
    m.cmd("write /kept over a reboot")
    m.send("reboot\r")
    m.prompt()
    assert "over a reboot" in m.cmd("cat /kept")


@pytest.mark.parametrize("line, said", [
    ("cat /x", "cat: /x: no such file"),
    ("ls /x", "ls: /x: no such"),
    ("rm /x", "rm: /x: no such"),
    ("cp /x /y", "cp: /x: no such"),
    ("mv /x /y", "mv: /x: no such"),
    ("mkdir /dir", "mkdir: /dir: "),
    ("cat /dir", "cat: /dir: "),
    ("mkdir /x/y", "mkdir: /x/y: no such"),
    ("cat /hello/x", "cat: /hello/x: "),
    ("frobnicate", "frobnicate: "),
])
def test_errors_name_the_command_and_the_path(small_disk, line, said):
    m = zeros.boot(disks=[small_disk])
    assert said in m.cmd(line)
    assert "hello from the host" in m.cmd("cat /hello")


def test_very_long_names_and_paths_are_refused_kindly(small_disk):
    m = zeros.boot(disks=[small_disk])
    assert "write: " in m.cmd("write /" + "n" * 256 + " text")
    assert "cat: " in m.cmd("cat " + "/dir" * 60 + "/x")
    assert "hello from the host" in m.cmd("cat /hello")


def test_jobs_and_wait_follow_a_background_copy(small_disk):
    m = zeros.boot(disks=[small_disk])
    m.cmd("cp /odd /bg &")
    m.cmd("wait")
    assert sum_in_zeros(m, "/bg") == disks.sha256(disks.pattern(12345, 3))
    assert "cp" not in m.cmd("jobs")


def test_line_editing_and_history(small_disk):
    m = zeros.boot(disks=[small_disk])
    m.send("echo abd\x7fc\r")           # backspace
    m.expect(r"\nabc\n")
    m.prompt(10)
    m.send("\x1b[A\r")                   # up: the same line again
    m.expect(r"\nabc\n")
    m.prompt(10)
    m.send("cho left\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[De\r")
    m.expect(r"\nleft\n")
    m.prompt(10)


def test_help_names_every_command(small_disk):
    m = zeros.boot(disks=[small_disk])
    text = m.cmd("help")
    for name in ("help ls cat cp mv rm mkdir write sha256 df sync time domains ps caps log bench echo repeat sleep poweroff reboot "
                 "jobs wait").split():
        assert re.search(rf"\b{name}\b", text), f"help does not mention {name}"


def test_ps_and_caps_list_processes_and_their_handles(small_disk):
    m = zeros.boot(disks=[small_disk])
    ps = m.cmd("ps")
    for name in ("init", "supervisor", "console", "fs", "shell"):
        assert re.search(rf"\b{name}\b", ps), ps
    assert len(m.cmd("caps").strip().splitlines()) >= 3
