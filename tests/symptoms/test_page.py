"""The page says what is true: its codes, commands and tests exist, and the tests show its lines."""

import ast
import re

import pytest

from edge.admin.cli import COMMANDS
from edge.codes import Code
from tests.symptoms.page import PAGE, ROOT, Symptom, symptoms

ALL = [pytest.param(symptom, id=symptom.title) for symptom in symptoms().values()]


@pytest.mark.parametrize("symptom", ALL)
def test_codes_exist(symptom: Symptom) -> None:
    assert symptom.codes <= set(Code.__members__)


@pytest.mark.parametrize("symptom", ALL)
def test_commands_exist(symptom: Symptom) -> None:
    assert symptom.commands, "each symptom is shown by a command"
    assert {command.split()[1] for command in symptom.commands} <= set(COMMANDS)


@pytest.mark.parametrize("symptom", ALL)
def test_says_who_must_act(symptom: Symptom) -> None:
    assert "\n* Who must act: " in symptom.text and "\n* What to change: " in symptom.text


@pytest.mark.parametrize("symptom", ALL)
def test_test_exists_and_shows_it(symptom: Symptom) -> None:
    assert symptom.tests
    for file, name in symptom.tests:
        tree = ast.parse((ROOT / file).read_text())
        (found,) = [
            node for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        ]
        if file.startswith("tests/symptoms/"):
            texts = {node.value for node in ast.walk(found) if isinstance(node, ast.Constant)}
            assert symptom.title in texts, f"{name} is about something else"



def test_index_leads_to_every_part() -> None:
    text = PAGE.read_text()
    headings = re.findall(r"^## (.+)$", text, re.M)
    anchors = {"#" + re.sub(r"[^a-z ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert anchors == set(re.findall(r"\]\((#[a-z-]+)\)", text))
