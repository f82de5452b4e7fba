"""Texts of the code: what people are told is marked, wherever such texts are made."""

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from assistant.tools import TOOLS
from billing.plans.staffstep import PLAN
from search.admin import MOVE
from search.regionstaff import REGION, REGION_BACK
from tenants.accounts.deeds import DEEDS, deed_told
from tenants.registry.staffsteps import STEPS
from tests.languages.sources import APPS, ROOT

MESSAGES: Final = {"success", "error", "warning", "info"}
# In English alone: staff and operators, programs of payment providers, and defects of ours.
ENGLISH: Final = (
    "billing/admin.py", "billing/awsmodels.py", "billing/creditmodels.py", "billing/credits/",
    "billing/invoices/admin.py", "billing/invoices/drafting.py", "billing/invoices/payments.py",
    "billing/invoices/states.py", "billing/plans/admin.py", "billing/plans/terms.py",
    "billing/reconciliation/", "billing/reconmodels.py", "bedrock/batch_upkeep.py",
    "bedrock/batchmodels.py", "bedrock/conversing.py", "bedrock/embedding_formats.py",
    "bedrock/knowledge_bases.py", "bedrock/knowledgemodels.py", "bedrock/models.py",
    "bedrock/policy.py", "search/erasing.py", "tenants/context.py", "tenants/pinning.py",
    "tenants/lifecycle/erasing.py", "tenants/lifecycle/onboarding.py",
    "tenants/lifecycle/restoring.py", "tenants/lifecycle/regionstate.py", "tenants/objectmoving.py",
    "bedrock/regionmoves.py", "search/regions.py", "search/regionasking.py",
    "search/regionstaff.py", "config/visiting.py",
    "tenants/accounts/admin.py",
    "tenants/registry/deadmodels.py", "tenants/registry/deadtasks.py",
    "tenants/registry/quarantinemodels.py", "tenants/registry/regionmodels.py",
    "tenants/registry/staffsteps.py", "tenants/stafffields.py",
    "tenants/signin/impersonating.py", "tenants/signin/staffviews.py", "billing/plans/staffstep.py",
    "search/admin.py", "documents/quarantine.py", "assistant/consumers.py",
)  # fmt: skip
# The same of single classes that stand beside what users read.
STAFF: Final = {
    "tenants/accounts/models.py": {"StaffRole"},
    "tenants/signin/models.py": {"Kind"},  # names of protocols
    "billing/models.py": {"Route", "State", "Kind"},
    "billing/invoices/models.py": {"Outcome"},
    "bedrock/loggedmodels.py": {"Kind"},
    "search/models.py": {"State"},
}
Found = dict[str, ast.Module]


def modules() -> Found:
    found = (path for app in APPS for path in sorted((ROOT / app).rglob("*.py")))
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in found
        if not {"migrations", "management"} & set(path.parts)
    }


def bases(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(base).rsplit(".", 1)[-1] for base in node.bases}


def errors(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of the classes of the product's error tree."""
    under: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                under.setdefault(node.name, set()).update(bases(node))
    found = {"TenantryError"}
    while more := {name for name, above in under.items() if above & found} - found:
        found |= more
    return found


def told(tree: ast.Module, raised: set[str], staff: set[str]) -> Iterator[ast.expr]:
    """Yield the expressions that people are shown: errors, notices, labels, subjects, steps."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _given(node, raised)
        elif isinstance(node, ast.ClassDef) and node.name not in staff:
            for line in node.body:
                if not isinstance(line, ast.Assign | ast.AnnAssign) or line.value is None:
                    continue
                target = line.targets[0] if isinstance(line, ast.Assign) else line.target
                if node.name in raised and ast.unparse(target) == "title":
                    yield line.value
                elif "TextChoices" in bases(node) and isinstance(line.value, ast.Tuple):
                    yield line.value.elts[1]


def _given(call: ast.Call, raised: set[str]) -> Iterator[ast.expr]:
    *_, owner, name = ("", *ast.unparse(call.func).split("."))
    named = {each.arg: each.value for each in call.keywords}
    if name in raised or name in {"ValidationError", "send_mail", "EmailMessage"}:
        yield from call.args[:1]
        yield from (named[each] for each in ("errors",) if each in named)
    elif (owner == "messages" and name in MESSAGES) or name == "Outcome":
        yield from call.args[1:2]
    elif owner == "forms" and name.endswith("Field"):
        yield from (named[each] for each in ("label", "help_text") if each in named)
    elif name == "Tool":
        yield named["doing"]


def literals(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the texts in an expression that no call has translated; codes are none."""
    match node:
        case ast.Constant(value=str(text)) if any(map(str.isalpha, text)):
            if not text.replace("_", "").islower() or " " in text:
                yield node
        case ast.JoinedStr(values=parts):
            words = [part.value for part in parts if isinstance(part, ast.Constant)]
            if any(map(str.isalpha, "".join(words))):
                yield node
        case ast.IfExp(body=first, orelse=second) | ast.BinOp(left=first, right=second):
            yield from literals(first)
            yield from () if isinstance(getattr(node, "op", None), ast.Mod) else literals(second)
        case ast.BoolOp(values=several) | ast.List(elts=several) | ast.Dict(values=several):
            for each in several:
                yield from literals(each)


def test_what_people_are_told_is_marked_for_translation() -> None:
    trees = modules()
    raised = errors(trees.values())
    assert {"Invalid", "MessageTooLong", "ScopeMissing"} <= raised
    found = [
        f"{path}:{text.lineno}: {ast.unparse(text)[:100]}"
        for path, tree in trees.items()
        if not path.startswith(ENGLISH)
        for spot in told(tree, raised, STAFF.get(path, set()))
        for text in literals(spot)
    ]
    assert found == [], "mark these with gettext, or say why they are English alone"


def test_the_list_of_what_stays_english_names_what_there_is() -> None:
    trees = modules()
    assert [each for each in ENGLISH if not any(path.startswith(each) for path in trees)] == []
    for path, names in STAFF.items():
        classes = {n.name for n in ast.walk(trees[path]) if isinstance(n, ast.ClassDef)}
        assert names <= classes, path


def test_every_deed_of_the_audit_has_a_name_that_is_translated() -> None:
    written = {
        each.value
        for path, tree in modules().items()
        if not path.startswith(ENGLISH)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "audit_write"
        for named in call.keywords
        if named.arg == "action"
        for each in ast.walk(named.value)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and "." in each.value
    }
    assert len(written) > 40
    assert {deed for deed in written if deed.strip(".") == deed} <= DEEDS.keys()
    assert {f"assistant.{name}" for name, tool in TOOLS.items() if tool.plan} <= DEEDS.keys()
    assert {
        f"workspace.{step.name}" for step in (*STEPS, PLAN, MOVE, REGION, REGION_BACK)
    } <= DEEDS.keys()
    groups = {"add", "create", "delete", "rename", "take"}
    assert {f"group.{deed}" for deed in groups} <= DEEDS.keys()
    assert deed_told("document.unmask") == "Opened a document without masking"
    assert deed_told("api_key.melt_down") == "API key: melt down"  # of a later version
