"""Outcomes as JUnit XML, which build servers read. Source of the form: the schema of Jenkins' xUnit plugin."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from monitor.trials.suite import Outcome, Suite

__all__ = ["junit"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(suites: Sequence[Suite], outcomes: Sequence[Outcome]) -> str:
    """One `testsuite` a file; a mistake in a file is an error of it, a difference a failure of its case."""
    root = ET.Element("testsuites", name="rules")
    for suite in suites:
        mine = [one for one in outcomes if one.tape.file == suite.file]
        failed = sum(bool(one.differences) for one in mine)
        counts = {"tests": len(mine) + len(suite.findings), "failures": failed, "errors": len(suite.findings)}
        element = ET.SubElement(root, "testsuite", name=_text(suite.file))
        element.attrib.update({name: str(count) for name, count in counts.items()})
        for finding in suite.findings:
            case = _case(element, suite.file, finding.path or "the file", finding.line)
            error = ET.SubElement(case, "error", message=_text(finding.message))
            error.text = _text(str(finding))
        for one in mine:
            case = _case(element, suite.file, one.tape.case.name, one.tape.line)
            if one.differences:
                failure = ET.SubElement(case, "failure", message=_text(one.differences[0].split("\n")[0]))
                failure.text = _text("\n".join(one.differences))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(parent: ET.Element, file: str, name: str, line: int) -> ET.Element:
    return ET.SubElement(
        parent, "testcase", classname=_text(file), name=_text(name), file=_text(file), line=str(line)
    )


def _text(text: str) -> str:
    return _NOT_XML.sub("�", text)
