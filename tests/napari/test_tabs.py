from __future__ import annotations

from qtpy.QtWidgets import QPushButton

from clicktrain.napari.tabs import Tabs


def test_a_page_scrolls_up_and_down_and_never_sideways(qtbot):
    wide, tall = QPushButton("wide"), QPushButton("tall")
    wide.setMinimumWidth(300)
    tall.setMinimumHeight(2000)
    tabs = Tabs({"One": wide, "Two": tall})
    qtbot.addWidget(tabs)
    tabs.show()
    tabs.resize(10, 400)
    assert wide.width() >= 300
    assert tabs.height() == 400
    # What is on a page may grow later, as when napari's style becomes its own.
    wide.setMinimumWidth(420)
    qtbot.waitUntil(lambda: tabs.minimumSizeHint().width() >= 420)
