"""Every rule is proven by a test that names it, and docs/rules.md says by which."""

from tests.support.rules import NOT_BUILT, ROOT, RULES, page, proofs


def test_the_committed_page_is_the_table() -> None:
    assert (ROOT / "docs/rules.md").read_text("utf-8") == page(), "write docs/rules.md anew with make rules"


def test_every_rule_that_is_built_has_a_test() -> None:
    found = proofs()
    assert [rule for rule in RULES if rule not in found and rule not in NOT_BUILT] == []
    assert [rule for rule in NOT_BUILT if rule in found] == [], "it has a test now: strike it from NOT_BUILT"


def test_tests_name_no_rule_that_there_is_not() -> None:
    assert [rule for rule in proofs() if rule not in RULES] == []
