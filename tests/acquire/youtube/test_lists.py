"""Lists of links as people keep them: text, CSV, Parquet, and our own footage tables."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.youtube.lists import read_links
from manifests.errors import InputError
from manifests.files import Provenance, write_rows
from manifests.tables import Footage
from tests.readme import README


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_list_as_editors_save_it(tmp_path: Path, encoding: str, newline: str) -> None:
    lines = [
        "# rain",
        "",
        "abcdefghijk",
        "  https://youtu.be/abcdefghijk  # again",
        "not a link",
        "-_345678901",
        "ytsearch3:rain # x",
        "https://x.org/a",
        "youtu.be/abcdefghijk\t10:00 - 25:00  # a part of it",
        "abcdefghijk 600-1500",
    ]
    (tmp_path / "urls.txt").write_bytes(newline.join(lines).encode(encoding))
    links, bad = read_links(tmp_path / "urls.txt")
    assert [(link.line, link.source_id) for link in links] == [
        (3, "abcdefghijk"),
        (6, "-_345678901"),
        (7, "ytsearch3:rain"),
        (9, "abcdefghijk#t=600-1500"),
    ]
    assert [(line.line, line.text) for line in bad] == [(5, "not a link"), (8, "https://x.org/a")]
    assert str(bad[0]) == "line 5: 'not a link': neither a web address nor a video's id of 11 characters"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_told(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "urls.txt").write_bytes("abcdefghijk\r\n-_345678901\r\n".encode(encoding))
    with pytest.raises(InputError, match="UTF-16"):
        read_links(tmp_path / "urls.txt")


def test_a_list_that_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "empty.csv").write_text("url\n\n")
    for source in (tmp_path / "empty.txt", tmp_path / "empty.csv", tmp_path / "missing.txt", tmp_path):
        with pytest.raises(InputError, match=r"holds no link|cannot be read"):
            read_links(source)


def test_a_binary_file_gives_bad_lines_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_bytes(bytes(range(256)) * 4)
    links, bad = read_links(tmp_path / "urls.txt")
    assert links == []
    assert bad
    assert all(str(line).isprintable() for line in bad)


@given(st.lists(st.text() | st.sampled_from(["abcdefghijk", "youtu.be/abcdefghijk 1-2", "-_345678901 # x", "#", ""])))
def test_every_line_is_a_link_a_comment_or_bad_and_no_link_comes_twice(lines: list[str]) -> None:
    try:
        links, bad = read_links(lines, allow_generic=True)
    except InputError:
        return
    assert len({link.source_id for link in links}) == len(links)
    told = [link.line for link in links] + [line.line for line in bad]
    assert len(set(told)) == len(told)
    assert set(told) <= set(range(1, len(lines) + 1))
    assert all(line.reason and str(line).isprintable() for line in bad)
    assert read_links(lines + lines, allow_generic=True)[0] == links


def test_strict_refuses_the_list_for_one_bad_line() -> None:
    assert read_links(["abcdefghijk"], strict=True)[1] == []
    with pytest.raises(InputError, match=r"line 2: 'rain': .* \(and 1 more\); mend the list, or leave --strict out"):
        read_links(["abcdefghijk", "rain", "snow"], strict=True)


def test_the_readmes_example_asks_for_what_it_says() -> None:
    _, _, text = README.read_text().partition("### Lists of links\n")
    assert text, "the README tells no more how a list is written"
    example = text.partition("```")[2].partition("```")[0].partition("\n")[2]
    links, bad = read_links(example.splitlines(), allow_generic=True)
    assert bad == []
    assert {link.kind for link in links} == {"video", "list", "direct"}
    assert any(link.start_s is not None for link in links)


# --- tables -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_a_url_column(tmp_path: Path, delimiter: str) -> None:
    rows = [
        ["Title", " URL ", "start_s", "end_s"],
        ['"rain, ""heavy"";\tat night\nin two lines"', "youtu.be/abcdefghijk", "10:00", "1500"],
        ["snow", "rain", "", ""],
        ["", "", "", ""],
        ["nothing", "", "", ""],
        ["all", "abcdefghijk", "", ""],
        ["backwards", "abcdefghijk", "20", "10"],
        ["short", "-_345678901"],
    ]
    (tmp_path / "urls.csv").write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode("utf-8-sig"))
    links, bad = read_links(tmp_path / "urls.csv")
    assert [(link.line, link.source_id) for link in links] == [(3, "abcdefghijk#t=600-1500"), (7, "abcdefghijk"), (9, "-_345678901")]
    assert [str(line).partition(": ")[0] for line in bad] == ["line 4", "line 6", "line 8"]
    assert "names no url" in str(bad[1])


def test_parquet_with_a_url_column(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": [1, 2, 3, 4],
            "url": ["abcdefghijk", "abcdefghijk", "rain", None],
            "start_s": [None, 600.0, None, None],
            "end_s": [None, None, 1.0, None],
        }
    )
    pq.write_table(table, tmp_path / "urls.parquet")
    links, bad = read_links(tmp_path / "urls.parquet")
    assert [(link.line, link.source_id) for link in links] == [(1, "abcdefghijk"), (2, "abcdefghijk#t=600-")]
    assert [str(line) for line in bad] == ["row 3: 'rain': neither a web address nor a video's id of 11 characters"]


def test_our_own_footage_table_asks_for_what_it_came_from(tmp_path: Path) -> None:
    page = "https://www.youtube.com/watch?v=abcdefghijk"
    whole = Footage("0" * 16, "youtube", "abcdefghijk", page, "ok", datetime(2024, 5, 17, tzinfo=UTC))
    part = dataclasses.replace(whole, footage_id="1" * 16, source_id="abcdefghijk#t=600-1500", clip_start_s=599.5, clip_end_s=1500.0)
    filmed = dataclasses.replace(whole, footage_id="2" * 16, source="tripod", origin="/media/card/C0001.MP4")
    write_rows(Footage, tmp_path / "footage.parquet", [whole, part, filmed], Provenance("a test"))
    links, bad = read_links(tmp_path / "footage.parquet")
    assert [link.source_id for link in links] == ["abcdefghijk", "abcdefghijk#t=599.5-1500"]
    assert [str(line) for line in bad] == ["row 3: '/media/card/C0001.MP4': footage of source tripod, which no link brings"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("urls.csv", b"address,title\nabcdefghijk,rain\n", "no column `url`"),
        ("urls.csv", b"", "no column `url`"),
        ("urls.csv", b'url\n"' + b"a" * 140_000, "no CSV after line 1"),
        ("urls.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("urls.csv", b"\xff\xfe", "no column `url`"),
    ],
)
def test_a_table_that_is_none_is_one_clear_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_links(tmp_path / name)


def test_parquet_without_a_url_column_names_those_that_it_has(tmp_path: Path) -> None:
    pq.write_table(pa.table({"address": ["abcdefghijk"], "n": [1]}), tmp_path / "urls.parquet")
    with pytest.raises(InputError, match="its columns are address, n"):
        read_links(tmp_path / "urls.parquet")
