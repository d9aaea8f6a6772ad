"""Documents for tests of profiles, made from text or from plain values."""

import json
from pathlib import Path
from typing import Any

from monitor.documents.files import Files
from monitor.documents.finding import Findings
from monitor.documents.node import Node
from monitor.documents.reader import parse


def node_of(value: Any) -> Node:
    """The node that a document with this value has."""
    findings = Findings()
    files = Files(findings, folder=Path(), environ={}, credentials=None)
    node = parse(
        json.dumps(value).encode(), "test.yaml", findings, lambda node, key: files._resolve(node, key, Path())
    )
    assert node is not None
    return node
