"""The store keeps what it is given, whole or not at all, and tells where it came from."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from panmodal.agent.provenance import ModelRecord, Provenance, render_lineage
from panmodal.agent.store import ArtifactStore
from panmodal.tools.errors import InputError, MissingFile, NotDecodable
from panmodal.tools.media.kinds import Boxes, Image, Masks, Text

IMAGE = Image.from_array(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))
BOXES = Boxes.of([[1, 2, 9, 9]], ["circle"], [0.9], IMAGE)
MASKS = Masks.of(np.ones((1, 30, 40), bool), IMAGE, ["circle"])
DETECTED = Provenance(
    run="r1",
    step="s1",
    tool="detect",
    tool_version="1",
    args={"image": IMAGE.id, "labels": ["circle"]},
    models=(ModelRecord(role="detector", key="mini/detector", digest="ab" * 32, loader="ultralytics"),),
    seed=7,
    parents=(IMAGE.id,),
)
SEGMENTED = Provenance(run="r1", step="s2", tool="segment", parents=(IMAGE.id, BOXES.id))


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    url = tmp_path / "store" if request.param == "local" else f"memory://{tmp_path.name}-{time.time_ns()}"
    made = ArtifactStore(url)
    yield made
    made.close()


def files(store: ArtifactStore) -> list[str]:
    return sorted(path.removeprefix(store.root + "/") for path in store.fs.find(store.root))


def test_an_artifact_comes_back_with_facts_payload_and_record(store):
    assert store.put(IMAGE) == IMAGE.id and store.put(BOXES, DETECTED) == BOXES.id
    image, boxes = store.get(IMAGE.id), store.get(BOXES.id)
    assert isinstance(image, Image) and (image.pixels == IMAGE.pixels).all()
    assert isinstance(boxes, Boxes) and boxes.labels == ("circle",) and (boxes.xyxy == BOXES.xyxy).all()
    assert store.record(BOXES.id) == DETECTED and store.record(IMAGE.id) is None
    assert store.ids() == sorted([IMAGE.id, BOXES.id]) and IMAGE.id in store and "0" * 64 not in store


def test_an_ingested_file_is_kept_byte_for_byte(store):
    content = b"\xef\xbb\xbfwith a byte-order mark\r\n"
    text = Text.open(content)
    assert store.fetch(store.put(text)) == content
    assert store.get(text.id).text == "with a byte-order mark\r\n"


def test_the_layout_is_content_and_sidecar_under_two_digits(store):
    store.put(BOXES, DETECTED)
    path = f"{BOXES.id[:2]}/{BOXES.id[2:]}"
    assert files(store) == [path, path + ".json"]
    sidecar = json.loads(store.fs.cat_file(f"{store.root}/{path}.json"))
    assert sidecar["version"] == 1 and sidecar["handle"] == BOXES.handle()
    assert store.size() == len(store.fetch(BOXES.id)) + store.fs.size(f"{store.root}/{path}.json")


def test_putting_again_changes_nothing_but_adds_a_missing_record(store):
    store.put(BOXES)
    store.put(BOXES, DETECTED)
    store.put(BOXES, SEGMENTED)
    store.put(BOXES)
    assert store.record(BOXES.id) == DETECTED and len(store.ids()) == 1


def test_what_is_not_there_is_said_by_name(store):
    for ask in (store.get, store.fetch, store.record, store.lineage):
        with pytest.raises(MissingFile, match=MASKS.id):
            ask(MASKS.id)
    for wrong in ("../../etc/passwd", "", BOXES.id.upper()):
        with pytest.raises(InputError, match="artifact id"):
            store.fetch(wrong)
    store.delete(MASKS.id)


def test_deleting_leaves_nothing(store):
    store.put(BOXES)
    store.delete(BOXES.id)
    assert files(store) == [] and BOXES.id not in store and store.size() == 0


def test_ids_are_found_by_their_beginning(store):
    store.put(BOXES)
    store.put_soon(IMAGE)
    assert store.find(BOXES.id[:8]) == BOXES.id and store.find(IMAGE.id[:8]) == IMAGE.id
    with pytest.raises(MissingFile):
        store.find("0000" if not BOXES.id.startswith("0000") else "1111")
    with pytest.raises(InputError, match="4 hex"):
        store.find("ab")


def test_an_ambiguous_beginning_is_refused(tmp_path):
    store = ArtifactStore(tmp_path)
    made = [Text.of(str(number)) for number in range(2000)]
    by_head: dict[str, list[Text]] = {}
    for text in made:
        by_head.setdefault(text.id[:4], []).append(text)
    pair = next(texts for texts in by_head.values() if len(texts) > 1)
    for text in pair:
        store.put(text)
    with pytest.raises(InputError, match="artifacts begin with"):
        store.find(pair[0].id[:4])


def test_the_background_writer_serves_from_memory_until_it_has_written(store):
    release = threading.Event()

    class Slow(Text):
        def _encode(self, payload):
            release.wait(10)
            return super()._encode(payload)

    slow = Slow.of("slowly")
    future = store.put_soon(slow, DETECTED)
    assert store.put_soon(slow) is future and not future.done()
    assert store.get(slow.id) is slow and store.record(slow.id) == DETECTED and slow.id in store
    release.set()
    store.flush([slow.id])
    assert future.result() == slow.id and store.ids() == [slow.id] and store.get(slow.id).text == "slowly"


def test_a_write_that_fails_is_raised_by_flush_and_can_be_tried_again(store):
    fails = [True]

    class Stubborn(Text):
        def _encode(self, payload):
            if fails:
                raise OSError("disk full")
            return super()._encode(payload)

    stubborn = Stubborn.of("stubborn")
    store.put_soon(stubborn)
    with pytest.raises(OSError, match="disk full"):
        store.flush()
    assert store.get(stubborn.id) is stubborn and store.ids() == []
    fails.clear()
    assert store.put_soon(stubborn).result() == stubborn.id
    store.flush()
    assert store.ids() == [stubborn.id]


def test_many_threads_put_the_same_and_different_things(store):
    texts = [Text.of(f"text {number}") for number in range(20)]
    failures: list[Exception] = []

    def work() -> None:
        try:
            for text in texts:
                store.put(text, DETECTED)
                assert store.get(text.id).text == text.text
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(store.ids()) == 20
    assert len(files(store)) == 40


def test_a_damaged_or_foreign_sidecar_is_a_typed_error(tmp_path):
    store = ArtifactStore(tmp_path)
    store.put(BOXES)
    path = tmp_path / BOXES.id[:2] / (BOXES.id[2:] + ".json")
    for content, words in (("{", "damaged"), ('{"version": 99}', "version 99")):
        path.write_text(content)
        with pytest.raises(NotDecodable, match=words):
            store.get(BOXES.id)


KILLED = """
import sys, numpy as np
from panmodal.agent.store import ArtifactStore
from panmodal.tools.media.kinds import Text
store = ArtifactStore(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    store.put(Text.of(f"{number} " * 50_000))
    number += 1
"""


def test_a_killed_writer_leaves_only_whole_artifacts(tmp_path):
    for delay in (0.02, 0.11, 0.23):
        writer = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        time.sleep(delay)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    store = ArtifactStore(tmp_path)
    for artifact_id in store.ids():
        text = store.get(artifact_id)
        assert Text.of(text.text).id == artifact_id
    store.tidy(older_than=0)
    assert len(files(store)) == 2 * len(store.ids())


def test_tidying_takes_only_old_leftovers(tmp_path):
    store = ArtifactStore(tmp_path)
    store.put(BOXES)
    orphan = tmp_path / "ab" / ("c" * 62)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"half")
    assert store.tidy() == 0 and orphan.exists()
    os.utime(orphan, (0, 0))
    assert store.tidy() == 1 and not orphan.exists() and store.ids() == [BOXES.id]


def test_lineage_goes_back_to_what_was_given(store):
    store.put(IMAGE)
    store.put(BOXES, DETECTED)
    store.put_soon(MASKS, SEGMENTED)
    top = store.lineage(MASKS.id)
    assert (top.kind, [parent.kind for parent in top.parents]) == ("masks", ["image", "boxes"])
    assert top.parents[1].parents[0] is top.parents[0] and top.parents[0].record is None
    shown = render_lineage(top)
    assert shown.splitlines()[0] == f"{MASKS.id[:12]} masks 40x30 of circle  by segment"
    assert "image 40x30  as given" in shown and "detect 1, run r1, step s1" in shown
    assert "with labels=['circle']" in shown and "seed 7" in shown
    assert "detector: mini/detector (ultralytics, checkpoint abababababab)" in shown


def test_lineage_of_removed_parents_loops_and_long_chains(store):
    gone, loop = Text.of("gone"), Text.of("loop")
    store.put(loop, Provenance(tool="same", parents=(loop.id, gone.id)))
    top = store.lineage(loop.id)
    assert [parent.kind for parent in top.parents] == ["missing"] and "missing" in render_lineage(top)
    last, before = store.put(Text.of("zero")), store.put(Text.of("one"))
    for number in range(300):  # each made from the two before it: as a tree this would have 2**300 leaves
        text = Text.of(str(number))
        store.put(text, Provenance(tool="next", parents=(before, last)))
        last, before = before, text.id
    assert len(render_lineage(store.lineage(before)).splitlines()) < 2000


def test_a_small_value_is_put_in_about_a_millisecond(tmp_path):
    store = ArtifactStore(tmp_path)
    store.put(IMAGE)
    costs = []
    for number in range(100):
        boxes = Boxes.of([[0, 0, 1, 1]], ["circle"], [number / 100], IMAGE)
        start = time.thread_time()
        store.put(boxes, DETECTED)
        costs.append(time.thread_time() - start)
    assert sorted(costs)[20] < 2e-3  # CPU of this thread, and a quick one of many: machines that run tests are busy
