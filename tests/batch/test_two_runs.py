"""Two batches at the same time into one folder, as two jobs of an array may be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile

ROOT = Path(__file__).parents[2]

CHILD = """
import sys, time
from pathlib import Path
from clicktrain.batch.plan import plan_outputs
from clicktrain.batch.run import predict_files
from clicktrain.config import default_class
from tests.fakes import FakeClassifier

folder, name = Path(sys.argv[1]), sys.argv[2]
classifier = FakeClassifier()
classifier.means, classifier.class_infos = {1: 0.0, 2: 4.0}, (default_class(1), default_class(2))
(folder / f"ready{name}").touch()
while len(list(folder.glob("ready?"))) < 2:
    time.sleep(0.001)
for _ in range(5):
    jobs = plan_outputs(sorted((folder / "in").glob("*.tif")), folder / "out", overwrite=True)
    print(*[result.error for result in predict_files(classifier, jobs) if result.error], sep="\\n", end="")
"""


def test_neither_disturbs_the_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for number in range(12):
        tifffile.imwrite(tmp_path / "in" / f"{number}.tif", np.tile(np.uint8([0, 4]), (16, 8)))
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), name], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    said = [child.communicate(timeout=120)[0] for child in children]
    assert said == ["", ""]
    assert [child.returncode for child in children] == [0, 0]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == 24
    assert not [name for name in names if name.startswith(".")]
    for path in (tmp_path / "out").glob("*_classes.tif"):
        np.testing.assert_array_equal(tifffile.imread(path), np.tile(np.uint8([1, 2]), (16, 8)))
